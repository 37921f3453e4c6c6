import type { AuthenticatedRequest, TransportAnswer } from '#hadoop-auth';

/**
 * One authenticated HTTP exchange with a ResourceManager: no redirect is followed, nothing is repeated, and a
 * ResourceManager that does not answer is an error of kind `unavailable` or `timeout`. `AuthenticatedHttp` of
 * `#hadoop-auth` is one.
 */
export interface YarnHttp {
  request(request: AuthenticatedRequest): Promise<TransportAnswer>;
}
