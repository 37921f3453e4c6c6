import { etagOf } from '../http/etag.ts';
import { route, type Route } from '../route.ts';
import { complianceReport } from '../services/compliance-report.ts';
import { IdParams } from './params.ts';

const report = route({
  method: 'GET',
  path: '/api/v1/models/{id}/compliance-report',
  summary: 'Everything that is known of a model in one HTML file, the same bytes for the same state',
  tag: 'models',
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'the report', mediaTypes: ['text/html'] } },
  handler: async ({ database, store, verifier }, { caller, params, signal }) => {
    const { html, contentSecurityPolicy } = await complianceReport(
      { database, store, verifier },
      caller,
      params.id,
      signal,
    );
    return {
      status: 200,
      headers: {
        etag: etagOf(html),
        'content-security-policy': `${contentSecurityPolicy}; frame-ancestors 'none'`,
        'content-disposition': `inline; filename="compliance-report-${params.id}.html"`,
      },
      raw: html,
      mediaType: 'text/html; charset=utf-8',
    };
  },
});

/** The route of compliance reports. */
export const complianceReportRoutes: readonly Route[] = [report];
