import { aspnet } from './aspnet.js';
import { awsJson } from './aws-json.js';
import type { Envelope, TextEnvelope } from './envelope.js';
import { errorList } from './error-list.js';
import { fastapi } from './fastapi.js';
import { fieldMap } from './field-map.js';
import { flatCode } from './flat-code.js';
import { flatError } from './flat-error.js';
import { formBody } from './form-body.js';
import { google } from './google.js';
import { graphql } from './graphql.js';
import { grpcStatus } from './grpc-status.js';
import { htmlPage } from './html-page.js';
import { jsonApi } from './json-api.js';
import { nest } from './nest.js';
import { nestedError } from './nested-error.js';
import { oauth } from './oauth.js';
import { odata } from './odata.js';
import { plainText } from './plain-text.js';
import { problem } from './problem.js';
import { spring } from './spring.js';
import { stripe } from './stripe.js';
import { xmlError } from './xml-error.js';

/**
 * The known envelopes of JSON objects, most telling first: a problem may carry an `errors` list of its own, so it
 * is asked before the lists; four kinds share an `error` object and the plainest of them comes last.
 * The first that recognises a body reads it.
 */
export const ENVELOPES: readonly Envelope[] = [
  awsJson,
  problem,
  graphql,
  jsonApi,
  google,
  odata,
  stripe,
  nestedError,
  spring,
  nest,
  oauth,
  grpcStatus,
  flatError,
  fastapi,
  aspnet,
  errorList,
  fieldMap,
  flatCode,
];

/** The known envelopes of texts that are not JSON, in the order in which they are asked. */
export const TEXT_ENVELOPES: readonly TextEnvelope[] = [xmlError, htmlPage, formBody, plainText];
