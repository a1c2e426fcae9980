import { z } from 'zod';
import { INCIDENT_STATES } from '@errata/core';
import { routes } from './openapi-routes.js';

const incidentParams = z.object({
  state: z
    .string()
    .optional()
    .describe(`States, separated by commas, of: open, ${INCIDENT_STATES.join(', ')}. Default: all.`),
  limit: z.int().min(1).max(200).default(50),
  cursor: z.string().optional(),
});

/** Rules, channels and incidents. */
export const alertRoutes = routes('Alerts', '/api/v1/projects/{projectId}')
  .add(['get', '/alert-rules'], 'alerts:read', ['listAlertRules', 'Alert rules'], { answer: 'AlertRules' })
  .add(['post', '/alert-rules'], 'alerts:write', ['createAlertRule', 'Make an alert rule'], {
    body: 'CreateAlertRule',
    status: 201,
    answer: 'AlertRule',
  })
  .add(['get', '/alert-rules/{ruleId}'], 'alerts:read', ['getAlertRule', 'One alert rule'], {
    answer: 'AlertRule',
    errors: ['RULE_NOT_FOUND'],
  })
  .add(['patch', '/alert-rules/{ruleId}'], 'alerts:write', ['updateAlertRule', 'Change an alert rule'], {
    body: 'UpdateAlertRule',
    answer: 'AlertRule',
    errors: ['RULE_NOT_FOUND'],
  })
  .add(['delete', '/alert-rules/{ruleId}'], 'alerts:write', ['deleteAlertRule', 'Delete an alert rule'], {
    status: 204,
    errors: ['RULE_NOT_FOUND'],
  })
  .add(['get', '/channels'], 'alerts:read', ['listChannels', 'Notification channels'], { answer: 'Channels' })
  .add(
    ['post', '/channels'],
    'alerts:write',
    ['createChannel', 'Make a channel; its secret is shown this once'],
    {
      body: 'CreateChannel',
      status: 201,
      answer: 'Channel',
      errors: ['CHANNEL_ADDRESS_REFUSED'],
    },
  )
  .add(['get', '/channels/{channelId}'], 'alerts:read', ['getChannel', 'One channel'], {
    answer: 'Channel',
    errors: ['CHANNEL_NOT_FOUND'],
  })
  .add(
    ['patch', '/channels/{channelId}'],
    'alerts:write',
    ['updateChannel', 'Change a channel or its secret'],
    {
      body: 'UpdateChannel',
      answer: 'Channel',
      errors: ['CHANNEL_NOT_FOUND', 'CHANNEL_ADDRESS_REFUSED'],
    },
  )
  .add(['delete', '/channels/{channelId}'], 'alerts:write', ['deleteChannel', 'Delete a channel'], {
    status: 204,
    errors: ['CHANNEL_NOT_FOUND'],
  })
  .add(['post', '/channels/{channelId}/test'], 'alerts:write', ['testChannel', 'Send a test message'], {
    answer: 'Notification',
    errors: ['CHANNEL_NOT_FOUND', 'CHANNEL_ADDRESS_REFUSED'],
  })
  .add(['get', '/incidents'], 'alerts:read', ['listIncidents', 'Incidents, newest first'], {
    query: incidentParams,
    answer: 'Incidents',
  })
  .add(['get', '/incidents/{incidentId}'], 'alerts:read', ['getIncident', 'One incident with its timeline'], {
    answer: 'Incident',
    errors: ['INCIDENT_NOT_FOUND'],
  })
  .add(
    ['get', '/incidents/{incidentId}/notifications'],
    'alerts:read',
    ['listNotifications', 'Deliveries of an incident, attempt by attempt'],
    { answer: 'Notifications', errors: ['INCIDENT_NOT_FOUND'] },
  ).made;
