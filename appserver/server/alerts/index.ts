export { alertDeliveryDuty } from './delivery-duty.ts';
export { alertsDuty } from './watch-duty.ts';
export { alertViewOf, alertsOf } from './view.ts';
export { settingsFrom } from './settings-request.ts';
export { closeAlarms, tell } from './raise.ts';
export { readableSecrets, sealSecrets } from './secrets.ts';
export { settingsOfWatch } from './settings.ts';
