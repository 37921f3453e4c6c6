export { alertDeliveryDuty } from './delivery-duty.ts';
export { alertsDuty } from './watch-duty.ts';
export { alertViewOf, alertsOf } from './view.ts';
export { settingsFrom } from './settings-request.ts';
export { tell } from './raise.ts';
export { openSecrets, sealSecrets } from './secrets.ts';
export { settingsOfWatch } from './settings.ts';
