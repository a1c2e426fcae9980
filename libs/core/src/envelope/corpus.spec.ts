import type { ErrorEvent, EventResponse } from '../event.js';
import { readResponse } from './index.js';
import type { ReadResponse } from './index.js';

/** 2026-01-15T12:00:00Z, the time of every event below. */
const NOON = 1_768_478_400_000;

interface Expected extends Partial<Omit<ReadResponse, 'retryAfter' | 'details'>> {
  [more: string]: unknown;
}

type Row = [name: string, response: EventResponse, expected: Expected, event?: Partial<ErrorEvent>];

const TYPE = 'type.googleapis.com/google.rpc.';
const JSON_TYPE = { 'content-type': 'application/json' };
const HTML = { 'content-type': 'text/html; charset=UTF-8' };
const XML = { 'content-type': 'application/xml' };

const documented: Row[] = [
  [
    'Aether365: a rate limit in a nested error',
    {
      headers: { 'retry-after': '60' },
      body: {
        success: false,
        error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Too many requests. Retry after 60 seconds.' },
      },
    },
    {
      code: 'RATE_LIMIT_EXCEEDED',
      message: 'Too many requests. Retry after 60 seconds.',
      retryAdvice: { retryAfterSeconds: 60, source: 'retry-after' },
    },
  ],
  [
    'Aether365: details that list invalid fields',
    {
      body: {
        success: false,
        error: {
          code: 'VALIDATION_ERROR',
          message: 'The query is invalid',
          details: { fields: [{ field: 'pageSize', message: 'must be at most 100' }] },
        },
      },
    },
    {
      code: 'VALIDATION_ERROR',
      message: 'The query is invalid',
      fieldErrors: [{ field: 'pageSize', message: 'must be at most 100' }],
    },
  ],
  [
    'Aether365: details as a map of fields',
    {
      body: {
        success: false,
        error: { code: 'VALIDATION_ERROR', message: 'm', details: { name: ['is empty', 'is short'] } },
      },
    },
    { code: 'VALIDATION_ERROR', message: 'm', fieldErrors: [{ field: 'name', message: 'is empty' }] },
  ],
  [
    'Aether: a missing document',
    { body: { error: 'Document not found', code: 'document_not_found', request_id: 'req_81f' } },
    { code: 'document_not_found', message: 'Document not found', requestId: 'req_81f' },
  ],
  [
    'Aether: null code and null request id',
    { body: { error: 'limit must be positive', code: null, request_id: null } },
    { message: 'limit must be positive' },
  ],
  [
    'Aurora: several errors in one response',
    { body: '{"errors": [{"message": "name is missing"}, {"message": "size is too large"}]}' },
    { message: 'name is missing; size is too large' },
  ],
  [
    'Aurora with codes',
    {
      body: {
        errors: [
          { message: 'a', code: 'LOCKED' },
          { message: 'b', code: 'STALE' },
        ],
      },
    },
    { code: 'LOCKED', message: 'a; b', others: ['STALE'] },
  ],
  [
    'Errata: its own problem',
    {
      headers: {
        'content-type': 'application/problem+json',
        'retry-after': '7',
        'x-request-id': 'from-header',
      },
      body: {
        type: 'https://errata.example/errors/QUOTA_EXCEEDED',
        title: 'Quota exceeded',
        status: 429,
        detail: 'The daily quota of this project is used up.',
        code: 'QUOTA_EXCEEDED',
        request_id: '01JH',
        retryable: true,
      },
    },
    {
      code: 'QUOTA_EXCEEDED',
      message: 'The daily quota of this project is used up.',
      requestId: '01JH',
      status: 429,
      retryAdvice: { retryAfterSeconds: 7, shouldRetry: true, source: 'body' },
    },
  ],
];

const problems: Row[] = [
  [
    'RFC 9457: a type, an occurrence as URN and fields by pointer',
    {
      headers: { 'content-type': 'application/problem+json' },
      body: {
        type: 'https://shop.example/problems/invalid-order',
        title: 'The order is not valid',
        instance: 'urn:uuid:6f2c0e6e-4f0e-4b1e-9d0f-0c7a4c9d5a11',
        errors: [{ detail: 'must be positive', pointer: '#/quantity' }],
      },
    },
    {
      code: 'invalid-order',
      message: 'The order is not valid',
      requestId: 'urn:uuid:6f2c0e6e-4f0e-4b1e-9d0f-0c7a4c9d5a11',
      fieldErrors: [{ field: '#/quantity', message: 'must be positive' }],
    },
  ],
  [
    'RFC 9457: an instance that is only a path',
    { body: { type: 'about:blank', title: 'Not Found', status: 404, instance: '/orders/7' } },
    { message: 'Not Found', status: 404 },
  ],
  [
    'RFC 7807 with invalid-params',
    {
      body: {
        type: 'https://shop.example/validation-error',
        title: 'Invalid',
        status: 400,
        'invalid-params': [{ name: 'colour', reason: 'must be red or blue' }],
      },
    },
    {
      code: 'validation-error',
      message: 'Invalid',
      status: 400,
      fieldErrors: [{ field: 'colour', message: 'must be red or blue' }],
    },
  ],
  [
    'rate-limit headers draft: quota exceeded',
    {
      headers: {
        'content-type': 'application/problem+json',
        ratelimit: '"burst";r=3;t=1, "daily";r=0;t=3600',
        'ratelimit-policy': '"burst";q=100;w=60,"daily";q=1000;w=86400',
      },
      body: {
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'The daily quota is used up',
        'violated-policies': ['daily'],
      },
    },
    {
      code: 'quota-exceeded',
      message: 'The daily quota is used up',
      details: ['daily'],
      retryAdvice: { retryAfterSeconds: 3_600, source: 'rate-limit' },
    },
  ],
  [
    'rate-limit headers draft: reduced capacity with Retry-After',
    {
      headers: { 'content-type': 'application/problem+json', 'retry-after': '20', ratelimit: '"d";r=0;t=90' },
      body: {
        type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
        title: 'Reduced capacity',
        status: 503,
      },
    },
    {
      code: 'temporary-reduced-capacity',
      message: 'Reduced capacity',
      status: 503,
      retryAdvice: { retryAfterSeconds: 20, source: 'retry-after' },
    },
  ],
  [
    'ASP.NET ProblemDetails with a map of errors',
    {
      body: {
        type: 'https://tools.ietf.org/html/rfc9110#section-15.5.1',
        title: 'One or more validation errors occurred.',
        status: 400,
        errors: { Email: ['The Email field is not a valid e-mail address.'], '$.age': ['Not a number.'] },
        traceId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
      },
    },
    {
      message: 'One or more validation errors occurred.',
      requestId: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00',
      status: 400,
      fieldErrors: [
        { field: 'Email', message: 'The Email field is not a valid e-mail address.' },
        { field: '$.age', message: 'Not a number.' },
      ],
    },
  ],
  [
    'ASP.NET Web API with a ModelState',
    { body: { Message: 'The request is invalid.', ModelState: { 'order.Qty': ['Qty is required.'] } } },
    {
      message: 'The request is invalid.',
      fieldErrors: [{ field: 'order.Qty', message: 'Qty is required.' }],
    },
  ],
  [
    'Box: a typed object with a status',
    {
      body: {
        type: 'error',
        status: 409,
        code: 'item_name_in_use',
        message: 'Item with the same name already exists',
        request_id: 'abcdef123456',
      },
    },
    {
      code: 'item_name_in_use',
      message: 'Item with the same name already exists',
      requestId: 'abcdef123456',
      status: 409,
    },
  ],
];

const lists: Row[] = [
  [
    'JSON:API: two errors',
    {
      headers: { 'content-type': 'application/vnd.api+json' },
      body: {
        errors: [
          {
            id: 'err-17',
            status: '422',
            code: 'TITLE_BLANK',
            title: 'Invalid attribute',
            detail: 'Title must not be blank.',
            source: { pointer: '/data/attributes/title' },
          },
          { status: '422', code: 'BODY_SHORT', detail: 'Body is too short.', source: { parameter: 'body' } },
        ],
      },
    },
    {
      code: 'TITLE_BLANK',
      message: 'Title must not be blank.; Body is too short.',
      requestId: 'err-17',
      status: 422,
      others: ['BODY_SHORT'],
      fieldErrors: [
        { field: '/data/attributes/title', message: 'Title must not be blank.', code: 'TITLE_BLANK' },
        { field: 'body', message: 'Body is too short.', code: 'BODY_SHORT' },
      ],
    },
  ],
  [
    'JSON:API: a type link in the place of a code',
    {
      body: {
        errors: [
          { status: '403', title: 'Forbidden', links: { type: { href: 'https://a.example/e/seat-limit' } } },
        ],
        meta: { requestId: 'm-1' },
      },
    },
    { code: 'seat-limit', message: 'Forbidden', requestId: 'm-1', status: 403 },
  ],
  [
    'GraphQL: a code in the extensions',
    {
      body: {
        data: null,
        errors: [
          {
            message: 'Sign in first',
            locations: [{ line: 1, column: 3 }],
            path: ['me'],
            extensions: { code: 'UNAUTHENTICATED', requestId: 'gq-1' },
          },
          { message: 'Bad id', extensions: { code: 'BAD_USER_INPUT' } },
        ],
      },
    },
    {
      code: 'UNAUTHENTICATED',
      message: 'Sign in first; Bad id',
      requestId: 'gq-1',
      others: ['BAD_USER_INPUT'],
    },
  ],
  [
    'GraphQL: a throttled answer that says how long',
    {
      headers: { 'x-request-id': 'sh-9' },
      body: { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED', retryAfter: 2.5 } }] },
    },
    {
      code: 'THROTTLED',
      message: 'Throttled',
      requestId: 'sh-9',
      retryAdvice: { retryAfterSeconds: 2.5, source: 'body' },
    },
  ],
  [
    'GraphQL: GitHub puts the type beside the message',
    {
      headers: { 'x-github-request-id': 'C0DE:1:2' },
      body: {
        data: { repository: null },
        errors: [
          { type: 'NOT_FOUND', path: ['repository'], locations: [{ line: 1, column: 1 }], message: 'Gone' },
        ],
      },
    },
    { code: 'NOT_FOUND', message: 'Gone', requestId: 'C0DE:1:2' },
  ],
  [
    'GitHub REST: invalid fields',
    {
      headers: { 'x-github-request-id': 'F00:2' },
      body: {
        message: 'Validation Failed',
        errors: [{ resource: 'Issue', field: 'title', code: 'missing_field' }],
        documentation_url: 'https://docs.github.com/rest',
        status: '422',
      },
    },
    {
      code: 'missing_field',
      message: 'Validation Failed',
      requestId: 'F00:2',
      status: 422,
      fieldErrors: [{ field: 'title', code: 'missing_field' }],
    },
  ],
  [
    'GitHub REST: a primary rate limit',
    {
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOON / 1_000 + 90) },
      body: { message: 'API rate limit exceeded', documentation_url: 'https://docs.github.com/rest' },
    },
    { message: 'API rate limit exceeded', retryAdvice: { retryAfterSeconds: 90, source: 'rate-limit' } },
  ],
  [
    'Salesforce: a bare list',
    {
      body: [
        { message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' },
        { message: 'x', errorCode: 'OTHER_CODE' },
      ],
    },
    { code: 'INVALID_SESSION_ID', message: 'Session expired or invalid', others: ['OTHER_CODE'] },
  ],
  [
    'Rails: a list of texts',
    { body: { errors: ["Name can't be blank"] } },
    { message: "Name can't be blank" },
  ],
  [
    'Rails: a map of fields',
    { body: { errors: { name: ["can't be blank", 'is too short'] } } },
    { message: "name: can't be blank", fieldErrors: [{ field: 'name', message: "can't be blank" }] },
  ],
  [
    'Laravel: a message and a map',
    { body: { message: 'The email has already been taken.', errors: { email: ['Already taken.'] } } },
    {
      message: 'The email has already been taken.',
      fieldErrors: [{ field: 'email', message: 'Already taken.' }],
    },
  ],
];

const clouds: Row[] = [
  [
    'AIP-193: ErrorInfo, RetryInfo and RequestInfo',
    {
      body: {
        error: {
          code: 429,
          message: 'Quota exceeded for writes.',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            {
              '@type': `${TYPE}ErrorInfo`,
              reason: 'RATE_LIMIT_EXCEEDED',
              domain: 'googleapis.com',
              metadata: {},
            },
            { '@type': `${TYPE}RetryInfo`, retryDelay: '33.5s' },
            { '@type': `${TYPE}RequestInfo`, requestId: 'rq-77' },
          ],
        },
      },
    },
    {
      code: 'RATE_LIMIT_EXCEEDED',
      message: 'Quota exceeded for writes.',
      requestId: 'rq-77',
      status: 429,
      others: ['RESOURCE_EXHAUSTED'],
      retryAdvice: { retryAfterSeconds: 33.5, shouldRetry: true, source: 'retry-info' },
    },
  ],
  [
    'AIP-193: field violations',
    {
      body: {
        error: {
          code: 400,
          message: 'Bad zone',
          status: 'INVALID_ARGUMENT',
          details: [
            {
              '@type': `${TYPE}BadRequest`,
              fieldViolations: [{ field: 'zone', description: 'unknown zone' }],
            },
          ],
        },
      },
    },
    {
      code: 'INVALID_ARGUMENT',
      message: 'Bad zone',
      status: 400,
      fieldErrors: [{ field: 'zone', message: 'unknown zone' }],
    },
  ],
  [
    'AIP-194: UNAVAILABLE may be retried by convention',
    { body: { error: { code: 503, message: 'Try again', status: 'UNAVAILABLE' } } },
    {
      code: 'UNAVAILABLE',
      message: 'Try again',
      status: 503,
      retryAdvice: { shouldRetry: true, source: 'convention' },
    },
  ],
  [
    'Google before AIP-193',
    {
      headers: { 'x-guploader-uploadid': 'ABg5' },
      body: {
        error: {
          code: 403,
          message: 'Daily limit',
          errors: [{ domain: 'usageLimits', reason: 'dailyLimitExceeded', message: 'Daily limit' }],
        },
      },
    },
    { code: 'dailyLimitExceeded', message: 'Daily limit', requestId: 'ABg5', status: 403 },
  ],
  [
    'grpc-gateway',
    { body: { code: 5, message: 'no such book', details: [] } },
    { code: 'NOT_FOUND', message: 'no such book', status: 404 },
  ],
  [
    'Connect with the debug form of ErrorInfo',
    {
      body: {
        code: 'permission_denied',
        message: 'not yours',
        details: [
          { type: 'google.rpc.ErrorInfo', value: 'CgE', debug: { reason: 'NOT_OWNER', domain: 'a' } },
        ],
      },
    },
    { code: 'NOT_OWNER', message: 'not yours', status: 403, others: ['permission_denied'] },
  ],
  [
    'gRPC trailers without a body',
    {
      status: 200,
      headers: { 'grpc-status': '14', 'grpc-message': 'upstream%20is%20down', 'x-request-id': 'g1' },
    },
    {
      code: 'UNAVAILABLE',
      message: 'upstream is down',
      requestId: 'g1',
      status: 503,
      retryAdvice: { shouldRetry: true, source: 'convention' },
    },
  ],
  [
    'gRPC push-back that forbids a retry',
    { headers: { 'grpc-status': '14', 'grpc-message': '100%', 'grpc-retry-pushback-ms': '-1' } },
    {
      code: 'UNAVAILABLE',
      message: '100%',
      status: 503,
      retryAdvice: { shouldRetry: false, source: 'grpc-pushback' },
    },
  ],
  [
    'gRPC push-back that asks to wait',
    { headers: { 'grpc-status': '8', 'grpc-retry-pushback-ms': '1500' } },
    {
      code: 'RESOURCE_EXHAUSTED',
      status: 429,
      retryAdvice: { retryAfterSeconds: 1.5, source: 'grpc-pushback' },
    },
  ],
  ['gRPC success', { headers: { 'grpc-status': '0' } }, {}],
  [
    'AWS JSON 1.0: a namespaced type',
    {
      headers: { 'x-amzn-requestid': '5QKLD' },
      body: {
        __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
        message: 'Slow down',
      },
    },
    {
      code: 'ProvisionedThroughputExceededException',
      message: 'Slow down',
      requestId: '5QKLD',
      retryAdvice: { shouldRetry: true, source: 'convention' },
    },
  ],
  [
    'AWS JSON 1.1: a type with a URI behind it',
    { body: { __type: 'aws.protocoltests#FooError:http://internal.amazon.com/coral/', Message: 'foo' } },
    { code: 'FooError', message: 'foo' },
  ],
  [
    'AWS: a cancelled transaction',
    {
      body: {
        __type: 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException',
        Message: 'Transaction cancelled',
        CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Message: 'x' }],
      },
    },
    {
      code: 'TransactionCanceledException',
      message: 'Transaction cancelled',
      others: ['ConditionalCheckFailed'],
    },
  ],
  [
    'AWS REST JSON: the header names the error',
    {
      headers: {
        'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/coral/',
        'x-amzn-requestid': 'rj-1',
      },
      body: '{"message":"Rate exceeded"}',
    },
    {
      code: 'ThrottlingException',
      message: 'Rate exceeded',
      requestId: 'rj-1',
      retryAdvice: { shouldRetry: true, source: 'convention' },
    },
  ],
  [
    'AWS: the header wins over the code of the body',
    { headers: { 'x-amzn-errortype': 'ns#ConflictException' }, body: { code: 'Older', message: 'm' } },
    { code: 'ConflictException', message: 'm', others: ['Older'] },
  ],
  [
    'S3',
    {
      headers: XML,
      body:
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The key &quot;a&quot; does not ' +
        'exist.</Message><Key>a</Key><RequestId>4442587FB7D0A2F9</RequestId><HostId>h</HostId></Error>',
    },
    { code: 'NoSuchKey', message: 'The key "a" does not exist.', requestId: '4442587FB7D0A2F9' },
  ],
  [
    'S3: SlowDown with the id in a header',
    {
      headers: { ...XML, 'x-amz-request-id': 'S3R' },
      body: '<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>',
    },
    {
      code: 'SlowDown',
      message: 'Reduce your request rate.',
      requestId: 'S3R',
      retryAdvice: { shouldRetry: true, source: 'convention' },
    },
  ],
  [
    'AWS query protocol',
    {
      body:
        '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity' +
        '</Code><Message>No user</Message></Error><RequestId>q-1</RequestId></ErrorResponse>',
    },
    { code: 'NoSuchEntity', message: 'No user', requestId: 'q-1' },
  ],
  [
    'EC2',
    {
      body:
        '<Response><Errors><Error><Code>A.First</Code><Message>one</Message></Error><Error><Code>B.Second</Code>' +
        '<Message>two</Message></Error></Errors><RequestID>e-1</RequestID></Response>',
    },
    { code: 'A.First', message: 'one', requestId: 'e-1', others: ['B.Second'] },
  ],
  [
    'Microsoft Graph: inner errors down to the most specific',
    {
      body: {
        error: {
          code: 'invalidRequest',
          message: 'Cannot process the request.',
          innerError: {
            code: 'invalidRange',
            'request-id': 'graph-1',
            date: '2026-01-15T12:00:00',
            innerError: { code: 'cannotModifyDeletedItem' },
          },
        },
      },
    },
    {
      code: 'invalidRequest',
      message: 'Cannot process the request.',
      requestId: 'graph-1',
      others: ['cannotModifyDeletedItem', 'invalidRange'],
    },
  ],
  [
    'Azure Resource Manager: details with codes',
    {
      headers: { 'x-ms-request-id': 'arm-1' },
      body: {
        error: {
          code: 'BadArgument',
          message: 'Several values are wrong',
          target: 'ContactInfo',
          details: [{ code: 'NullValue', target: 'PhoneNumber', message: 'Phone number must not be null' }],
        },
      },
    },
    {
      code: 'BadArgument',
      message: 'Several values are wrong',
      requestId: 'arm-1',
      others: ['NullValue'],
      fieldErrors: [{ field: 'PhoneNumber', message: 'Phone number must not be null', code: 'NullValue' }],
    },
  ],
  [
    'OData 3',
    {
      body: { 'odata.error': { code: 'ResourceNotFound', message: { lang: 'en-US', value: 'Not there.' } } },
    },
    { code: 'ResourceNotFound', message: 'Not there.' },
  ],
  [
    'OData in XML',
    {
      headers: { 'x-ms-request-id': 'tbl-1' },
      body: '<m:error xmlns:m="urn:m"><m:code>TableNotFound</m:code><m:message xml:lang="en">No table</m:message></m:error>',
    },
    { code: 'TableNotFound', message: 'No table', requestId: 'tbl-1' },
  ],
  [
    'Azure Storage: an answer to HEAD has only headers',
    { headers: { 'x-ms-error-code': 'BlobNotFound', 'x-ms-request-id': 'blob-1' } },
    { code: 'BlobNotFound', requestId: 'blob-1' },
  ],
  [
    'SOAP 1.1',
    {
      body:
        '<soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>Bad' +
        ' input</faultstring></soap:Fault></soap:Body></soap:Envelope>',
    },
    { code: 'Client', message: 'Bad input' },
  ],
  [
    'SOAP 1.2 with a sub-code',
    {
      body:
        '<e:Envelope><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>m:MessageTimeout</e:Value>' +
        '</e:Subcode></e:Code><e:Reason><e:Text xml:lang="en">Too slow</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>',
    },
    { code: 'MessageTimeout', message: 'Too slow', others: ['Sender'] },
  ],
  [
    'a problem in XML',
    {
      headers: { 'content-type': 'application/problem+xml' },
      body: '<problem xmlns="urn:ietf:rfc:7807"><type>https://a.example/p/no-credit</type><title>No credit</title><status>403</status></problem>',
    },
    { code: 'no-credit', message: 'No credit', status: 403 },
  ],
];

const vendors: Row[] = [
  [
    'Stripe: a declined card',
    {
      headers: { 'request-id': 'req_Card', 'stripe-should-retry': 'false' },
      body: {
        error: {
          type: 'card_error',
          code: 'card_declined',
          decline_code: 'insufficient_funds',
          message: 'Your card has insufficient funds.',
          doc_url: 'https://stripe.com/docs/error-codes/card-declined',
        },
      },
    },
    {
      code: 'card_declined',
      message: 'Your card has insufficient funds.',
      requestId: 'req_Card',
      others: ['insufficient_funds', 'card_error'],
      retryAdvice: { shouldRetry: false, source: 'should-retry' },
    },
  ],
  [
    'Stripe: a missing parameter, the id only in the log link',
    {
      body: {
        error: {
          type: 'invalid_request_error',
          code: 'parameter_missing',
          param: 'amount',
          message: 'Missing required param: amount.',
          request_log_url: 'https://dashboard.stripe.com/test/logs/req_Log1?t=1',
        },
      },
    },
    {
      code: 'parameter_missing',
      message: 'Missing required param: amount.',
      requestId: 'req_Log1',
      others: ['invalid_request_error'],
      fieldErrors: [
        { field: 'amount', message: 'Missing required param: amount.', code: 'parameter_missing' },
      ],
    },
  ],
  [
    'Stripe: a lock timeout that may be retried after a while',
    {
      headers: { 'request-id': 'req_Lock', 'stripe-should-retry': 'true', 'retry-after': '2' },
      body: { error: { type: 'invalid_request_error', code: 'lock_timeout', message: 'Locked.' } },
    },
    {
      code: 'lock_timeout',
      message: 'Locked.',
      requestId: 'req_Lock',
      others: ['invalid_request_error'],
      retryAdvice: { retryAfterSeconds: 2, shouldRetry: true, source: 'should-retry' },
    },
  ],
  [
    'an API that names only the class, with Retry-After in milliseconds',
    {
      headers: { 'x-should-retry': 'true', 'retry-after-ms': '1200', 'retry-after': '2' },
      body: {
        type: 'error',
        error: { type: 'overloaded_error', message: 'Overloaded' },
        request_id: 'req_011',
      },
    },
    {
      code: 'overloaded_error',
      message: 'Overloaded',
      requestId: 'req_011',
      retryAdvice: { retryAfterSeconds: 1.2, shouldRetry: true, source: 'should-retry' },
    },
  ],
  [
    'Meta Graph API: numbers as codes',
    {
      body: {
        error: {
          message: 'Session has expired',
          type: 'OAuthException',
          code: 190,
          error_subcode: 463,
          fbtrace_id: 'EJplcsCHuLu',
        },
      },
    },
    {
      code: '190',
      message: 'Session has expired',
      requestId: 'EJplcsCHuLu',
      others: ['463', 'OAuthException'],
    },
  ],
  [
    'Elasticsearch',
    { body: { error: { type: 'index_not_found_exception', reason: 'no such index [a]' }, status: 404 } },
    { code: 'index_not_found_exception', message: 'no such index [a]' },
  ],
  [
    'Slack',
    { headers: { 'x-slack-req-id': 'sl-1', 'retry-after': '30' }, body: { ok: false, error: 'ratelimited' } },
    {
      code: 'ratelimited',
      message: 'ratelimited',
      requestId: 'sl-1',
      retryAdvice: { retryAfterSeconds: 30, source: 'retry-after' },
    },
  ],
  [
    'Discord: seconds with a fraction in the body',
    { body: { message: 'You are being rate limited.', retry_after: 0.65, global: false, code: 20_028 } },
    {
      code: '20028',
      message: 'You are being rate limited.',
      retryAdvice: { retryAfterSeconds: 0.65, source: 'body' },
    },
  ],
  [
    'Telegram',
    {
      body: {
        ok: false,
        error_code: 429,
        description: 'Too Many Requests: retry after 5',
        parameters: { retry_after: 5 },
      },
    },
    {
      code: '429',
      message: 'Too Many Requests: retry after 5',
      retryAdvice: { retryAfterSeconds: 5, source: 'body' },
    },
  ],
  [
    'Twilio',
    { body: { code: 20_404, message: 'Not found', more_info: 'https://www.twilio.com/docs', status: 404 } },
    { code: '20404', message: 'Not found', status: 404 },
  ],
  [
    'Okta',
    {
      body: {
        errorCode: 'E0000001',
        errorSummary: 'Api validation failed: login',
        errorId: 'oaeHfmOAx1iRLa0H10DeMz5fQ',
      },
    },
    { code: 'E0000001', message: 'Api validation failed: login', requestId: 'oaeHfmOAx1iRLa0H10DeMz5fQ' },
  ],
  [
    'OAuth 2: an invalid grant',
    { body: { error: 'invalid_grant', error_description: 'The refresh token is expired' } },
    { code: 'invalid_grant', message: 'The refresh token is expired' },
  ],
  ['OAuth 2: slow down', { body: { error: 'slow_down' } }, { code: 'slow_down', message: 'slow_down' }],
  [
    'Microsoft Entra',
    {
      body: {
        error: 'interaction_required',
        error_description: 'AADSTS50076: Use multi-factor authentication.',
        error_codes: [50_076],
        timestamp: '2026-01-15 12:00:00Z',
        trace_id: 'trace-1',
        correlation_id: 'corr-1',
        suberror: 'basic_action',
      },
    },
    {
      code: 'interaction_required',
      message: 'AADSTS50076: Use multi-factor authentication.',
      requestId: 'trace-1',
      others: ['AADSTS50076', 'basic_action', '50076'],
    },
  ],
  [
    'OAuth 2 as a form',
    {
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: 'error=bad_verification_code&error_description=The+code+is+incorrect%20or+expired.&error_uri=%2Fdocs',
    },
    { code: 'bad_verification_code', message: 'The code is incorrect or expired.' },
  ],
  [
    'RFC 6750: a challenge without a body',
    {
      headers: {
        'www-authenticate': 'Bearer realm="x", error="invalid_token", error_description="It expired"',
      },
    },
    { code: 'invalid_token', message: 'It expired' },
  ],
];

const frameworks: Row[] = [
  [
    'Spring Boot',
    {
      body: {
        timestamp: '2026-01-15T12:00:00.000+00:00',
        status: 404,
        error: 'Not Found',
        message: 'No message available',
        path: '/a',
      },
    },
    { message: 'Not Found', status: 404 },
  ],
  [
    'Spring Boot: binding errors',
    {
      body: {
        timestamp: 1_768_478_400_000,
        status: 400,
        error: 'Bad Request',
        message: 'Validation failed',
        errors: [{ field: 'name', defaultMessage: 'must not be blank', code: 'NotBlank', rejectedValue: '' }],
        path: '/a',
        requestId: 'wf-1',
      },
    },
    {
      message: 'Validation failed',
      requestId: 'wf-1',
      status: 400,
      fieldErrors: [{ field: 'name', message: 'must not be blank', code: 'NotBlank' }],
    },
  ],
  [
    'FastAPI: a text',
    { headers: JSON_TYPE, body: '{"detail":"Item not found"}' },
    { message: 'Item not found' },
  ],
  [
    'FastAPI: a validation list',
    {
      body: {
        detail: [
          { type: 'missing', loc: ['body', 'items', 0, 'name'], msg: 'Field required', input: {} },
          { type: 'int_parsing', loc: ['query', 'limit'], msg: 'Not an integer', input: 'x' },
        ],
      },
    },
    {
      message: 'Field required; Not an integer',
      fieldErrors: [
        { field: 'body.items.0.name', message: 'Field required', code: 'missing' },
        { field: 'query.limit', message: 'Not an integer', code: 'int_parsing' },
      ],
    },
  ],
  [
    'FastAPI: an object',
    { body: { detail: { code: 'PLAN_LIMIT', message: 'Plan limit reached' } } },
    { code: 'PLAN_LIMIT', message: 'Plan limit reached' },
  ],
  [
    'Django REST framework',
    { headers: { 'retry-after': '3' }, body: { detail: 'Request was throttled.', code: 'throttled' } },
    {
      code: 'throttled',
      message: 'Request was throttled.',
      retryAdvice: { retryAfterSeconds: 3, source: 'retry-after' },
    },
  ],
  [
    'Nest',
    { body: { statusCode: 403, message: 'Forbidden resource', error: 'Forbidden' } },
    { message: 'Forbidden resource', status: 403 },
  ],
  [
    'Nest: a list of validation messages',
    {
      body: { statusCode: 400, message: ['email must be an email', 'age is missing'], error: 'Bad Request' },
    },
    { message: 'email must be an email; age is missing', status: 400 },
  ],
  [
    'Nest: a code in the place of the phrase',
    { body: { statusCode: 409, message: 'Taken', error: 'EMAIL_TAKEN' } },
    { code: 'EMAIL_TAKEN', message: 'Taken', status: 409 },
  ],
  [
    'Fastify',
    {
      body: {
        statusCode: 415,
        code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE',
        error: 'Unsupported Media Type',
        message: 'Unsupported Media Type: text/x',
      },
    },
    { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', message: 'Unsupported Media Type: text/x', status: 415 },
  ],
  [
    'Express with a code as the error',
    { body: { error: 'rate_limited', message: 'Slow down', retryAfterMs: 500 } },
    { code: 'rate_limited', message: 'Slow down', retryAdvice: { retryAfterSeconds: 0.5, source: 'body' } },
  ],
  ['a bare message', { body: { message: 'Internal server error' } }, { message: 'Internal server error' }],
];

const pages: Row[] = [
  [
    'nginx',
    {
      headers: HTML,
      body: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.27</center>\r\n</body>\r\n</html>',
    },
    { message: '502 Bad Gateway', status: 502 },
  ],
  [
    'Apache with Retry-After as a date',
    {
      headers: {
        ...HTML,
        date: 'Thu, 15 Jan 2026 12:00:00 GMT',
        'retry-after': 'Thu, 15 Jan 2026 12:02:00 GMT',
      },
      body: '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>503 Service Unavailable</title>\n</head><body>\n<h1>Service Unavailable</h1>\n<p>The server is down.</p></body></html>',
    },
    {
      message: '503 Service Unavailable',
      status: 503,
      retryAdvice: { retryAfterSeconds: 120, source: 'retry-after' },
    },
  ],
  [
    'Cloudflare 1020',
    {
      headers: { ...HTML, 'cf-ray': '7d1f3a2b4c5d6e7f-FRA' },
      body: '<!DOCTYPE html>\n<html><head><title>Access denied | a.example used Cloudflare to restrict access</title><script>var a="<h1>no</h1>";</script></head><body><h1><span class="cf-error-type">Error</span> <span class="cf-error-code">1020</span></h1><p>Ray ID: <strong>7d1f3a2b4c5d6e7f</strong></p></body></html>',
    },
    {
      code: '1020',
      message: 'Access denied | a.example used Cloudflare to restrict access: Error 1020',
      requestId: '7d1f3a2b4c5d6e7f',
    },
  ],
  [
    'Cloudflare 522',
    {
      headers: { 'cf-ray': '8a1f3a2b4c5d6e7f-AMS' },
      body: '<!DOCTYPE html><html><head><title>a.example | 522: Connection timed out</title></head><body><div id="cf-wrapper"><h1><span>Connection timed out</span></h1></div></body></html>',
    },
    { message: 'a.example | 522: Connection timed out', requestId: '8a1f3a2b4c5d6e7f-AMS', status: 522 },
  ],
  [
    'Cloudflare as plain text',
    { headers: { 'content-type': 'text/plain', 'cf-ray': 'r-1' }, body: 'error code: 1015\n' },
    { code: '1015', message: 'error code: 1015', requestId: 'r-1' },
  ],
  [
    'CloudFront',
    {
      headers: { ...HTML, 'x-amz-cf-id': 'edge' },
      body: '<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>403 ERROR</H1><PRE>Generated by cloudfront (CloudFront)\nRequest ID: AbC-12_xyz==\n</PRE></BODY></HTML>',
    },
    {
      message: 'ERROR: The request could not be satisfied: 403 ERROR',
      requestId: 'AbC-12_xyz==',
      status: 403,
    },
  ],
  [
    'XHTML with a script before its heading',
    {
      body: '<?xml version="1.0"?><!DOCTYPE html><html><head><script>if (a<b) { x = "<title>no</title>" }</script></head><body><h1>Down &amp; out &#8211; sorry</h1></body></html>',
    },
    { message: 'Down & out – sorry' },
  ],
  [
    'plain text',
    { body: 'upstream connect error\n  or disconnect' },
    { message: 'upstream connect error or disconnect' },
  ],
  [
    'plain text, and a past date to wait for',
    { headers: { 'retry-after': 'Thu, 15 Jan 2026 11:00:00 GMT' }, body: 'Busy' },
    { message: 'Busy', retryAdvice: { retryAfterSeconds: 0, source: 'retry-after' } },
  ],
  ['an empty body', { headers: { 'x-vercel-id': 'fra1::x' }, body: '' }, { requestId: 'fra1::x' }],
  [
    'only a trace',
    { headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' } },
    { requestId: '4bf92f3577b34da6a3ce929d0e0e4736' },
  ],
  ['an image', { headers: { 'content-type': 'image/png' }, body: 'PNG data' }, {}],
  ['binary text', { body: '\u0001\u0002\u001f gzip' }, {}],
  [
    'the delay that the client stated',
    { headers: { 'retry-after': '9' }, body: 'Busy' },
    { message: 'Busy', retryAdvice: { retryAfterSeconds: 4, source: 'event' } },
    { http: { retryAfter: '4' } },
  ],
];

function read(response: EventResponse, event: Partial<ErrorEvent> = {}): ReadResponse {
  return readResponse({ eventId: '0', occurredAt: NOON, response, ...event });
}

describe('corpus of error responses', () => {
  const groups = [documented, problems, lists, clouds, vendors, frameworks, pages];
  // Always four columns: Jest takes a parameter without a column for a callback to wait for.
  const rows = groups
    .flat()
    .map(([name, response, expected, event = {}]) => [name, response, expected, event] as const);

  it.each(rows)('%s', (_name, response, expected, event) => {
    const got = read(response, event);
    const { others = [], ...stated } = expected;
    const silent = { code: undefined, message: undefined, requestId: undefined, retryAdvice: undefined };
    const unsaid = { status: undefined, fieldErrors: undefined };
    const kept = expected['details'] === undefined ? {} : { details: got.details };
    const { code, message, requestId, retryAdvice, status, fieldErrors } = got;
    expect({
      code,
      message,
      requestId,
      retryAdvice,
      status,
      fieldErrors,
      others: got.others,
      ...kept,
    }).toEqual({
      ...silent,
      ...unsaid,
      ...stated,
      others,
    });
  });

  it.each(rows)('reads %s alike as text', (_name, response, _expected, event) => {
    if (typeof response.body === 'string' || response.body === undefined) return;
    expect(read({ ...response, body: ` ${JSON.stringify(response.body, null, 2)}\n` }, event)).toEqual(
      read(response, event),
    );
  });

  it('holds at least forty bodies of different names', () => {
    expect(new Set(rows.map(([name]) => name)).size).toBe(rows.length);
    expect(rows.length).toBeGreaterThanOrEqual(40);
  });
});
