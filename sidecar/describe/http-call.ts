/** A call to any host but the API server: method, exact URL, and every header that could have an effect. */

import { HTTP, type HttpAction } from '../../core/action/http.ts';
import { API_SERVER_NAMES } from '../../core/api/names.ts';
import { formatUrl } from '../../core/text/url.ts';
import { checkMapBounds, checkUrlBounds } from './bounds.ts';
import type { CallType, UpstreamGuard } from './call-type.ts';
import { isJson, type MediaType } from './content-type.ts';
import type { ActionHead } from './description.ts';
import type { RequestHeaders } from './headers.ts';

export interface HttpDescription extends ActionHead<HttpAction> {
  kind: 'http';
}

/** The most headers that the CRD lets a grant state. */
const MAX_HEADERS = 16;

/** P13: an HTTP action that ends up at a server with one of these names is the API server in disguise. */
const NOT_THE_API_SERVER: UpstreamGuard = { refuseCertificateNames: API_SERVER_NAMES };

export const HTTP_CALL: CallType<HttpDescription> = {
  // Not left to the order of the table: what is the API server's is never of this type.
  takes: ({ kubernetes }) => !kubernetes,

  describe(method, target, headers, body) {
    const json = isPlainJson(headers) ? 'json' : 'no';
    const multipart = plainMultipart(headers);
    const url = formatUrl(target);
    const significant = Object.fromEntries(headers.significant);
    const action = HTTP.canonical({ type: 'HTTP', method, url, headers: significant }, 'call');
    checkUrlBounds(action.url);
    checkMapBounds(action.headers, MAX_HEADERS, 'header', 'HeaderRefused');
    return {
      kind: 'http',
      action,
      upstream: {
        scheme: target.scheme,
        host: target.host,
        port: target.port,
        method,
        path: target.path + target.query,
        headers: [...headers.inert, ...headers.significant],
      },
      body,
      json,
      ...(multipart === undefined ? {} : { multipart }),
    };
  },

  checkBody() {},

  guard: () => NOT_THE_API_SERVER,
};

/** Of an encoded body only the bytes can be compared. */
function isPlainJson({ contentType, contentEncoding }: RequestHeaders): boolean {
  return contentType !== null && contentEncoding.length === 0 && isJson(contentType);
}

function plainMultipart({ contentType, contentEncoding }: RequestHeaders): MediaType | undefined {
  const isMultipart = contentType?.essence.startsWith('multipart/') === true;
  return isMultipart && contentEncoding.length === 0 ? contentType : undefined;
}
