/** Files of the web app with their media types; the app server sends them as they are, from `appserver/ui/assets`. */
export const UI_FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'accuracy.js': 'text/javascript; charset=utf-8',
  'alerts.js': 'text/javascript; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'buckets.js': 'text/javascript; charset=utf-8',
  'challengers.js': 'text/javascript; charset=utf-8',
  'charts.js': 'text/javascript; charset=utf-8',
  'class-curves.js': 'text/javascript; charset=utf-8',
  'comparison.js': 'text/javascript; charset=utf-8',
  'data.js': 'text/javascript; charset=utf-8',
  'deployment.js': 'text/javascript; charset=utf-8',
  'deployments.js': 'text/javascript; charset=utf-8',
  'dom.js': 'text/javascript; charset=utf-8',
  'drift.js': 'text/javascript; charset=utf-8',
  'features.js': 'text/javascript; charset=utf-8',
  'explanations.js': 'text/javascript; charset=utf-8',
  'insight-views.js': 'text/javascript; charset=utf-8',
  'insights.js': 'text/javascript; charset=utf-8',
  'learning-curve.js': 'text/javascript; charset=utf-8',
  'level-name.js': 'text/javascript; charset=utf-8',
  'model.js': 'text/javascript; charset=utf-8',
  'predicted.js': 'text/javascript; charset=utf-8',
  'segments.js': 'text/javascript; charset=utf-8',
  'service.js': 'text/javascript; charset=utf-8',
  'speed.js': 'text/javascript; charset=utf-8',
  'tried.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/** Folder of the files. */
export const UI_ASSETS: URL = new URL('./assets/', import.meta.url);
