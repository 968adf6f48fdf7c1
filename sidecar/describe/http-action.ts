import { formatUrl } from '../../core/text/url.ts';
import { isJson } from './content-type.ts';
import type { BodyExpectation, HttpDescription } from './head-description.ts';
import type { RequestHeaders } from './headers.ts';
import type { Target } from './target.ts';

/** A call to any host but the API server: method, exact URL, and every header that could have an effect. */
export function describeHttp(
  method: string,
  target: Target,
  headers: RequestHeaders,
  body: BodyExpectation,
): HttpDescription {
  return {
    kind: 'http',
    action: {
      type: 'HTTP',
      method,
      url: formatUrl(target),
      headers: Object.fromEntries(headers.significant),
    },
    upstream: {
      scheme: target.scheme,
      host: target.host,
      port: target.port,
      method,
      path: target.path + target.query,
      headers: [...headers.inert, ...headers.significant],
    },
    body,
    json: headers.contentType !== null && isJson(headers.contentType) ? 'required' : 'no',
  };
}
