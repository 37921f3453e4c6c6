export { createApp, type PageHandler } from './app.ts';
export { openApiOf } from './openapi.ts';
export { apiDocument, apiRoutes } from './routes/index.ts';
export { startAppServer, type AppServer, type AppServerDeps } from './start.ts';
