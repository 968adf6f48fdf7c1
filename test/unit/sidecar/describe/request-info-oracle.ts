/**
 * RequestInfo once more, as straight a transcription of the Go source as can be, mistakes of the original included and with
 * nothing refused: what the sidecar accepts is held against it.
 */

export interface RequestInfo {
  verb: string;
  apiGroup: string;
  version: string;
  namespace: string;
  resource: string;
  name: string;
  subresource: string;
}

const VERBS: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Null for what is not a resource request. */
export function requestInfo(method: string, target: string): RequestInfo | null {
  const [rawPath = '', rawQuery = ''] = split(target, '?');
  // Go decodes the whole path before it splits it.
  const trimmed = decodeURIComponent(rawPath).replace(/^\/+|\/+$/g, '');
  let parts = trimmed === '' ? [] : trimmed.split('/');
  if (parts.length < 3) return null;
  const prefix = parts[0];
  if (prefix !== 'api' && prefix !== 'apis') return null;
  parts = parts.slice(1);
  const info: RequestInfo = {
    verb: '',
    apiGroup: '',
    version: '',
    namespace: '',
    resource: '',
    name: '',
    subresource: '',
  };
  if (prefix !== 'api') {
    if (parts.length < 3) return null;
    info.apiGroup = parts[0] ?? '';
    parts = parts.slice(1);
  }
  info.version = parts[0] ?? '';
  parts = parts.slice(1);
  if (parts[0] === 'proxy' || parts[0] === 'watch') {
    if (parts.length < 2) return null;
    info.verb = parts[0];
    parts = parts.slice(1);
  } else {
    info.verb = VERBS[method] ?? '';
  }
  if (parts[0] === 'namespaces' && parts.length > 1) {
    info.namespace = parts[1] ?? '';
    if (parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize')
      parts = parts.slice(2);
  }
  if (parts.length >= 3 && info.verb !== 'proxy') info.subresource = parts[2] ?? '';
  if (parts.length >= 2) info.name = parts[1] ?? '';
  info.resource = parts[0] ?? '';
  if (info.name === '' && info.verb === 'get') {
    const query = parseQuery(rawQuery);
    const watch = query.get('watch');
    info.verb =
      watch !== undefined && watch !== '0' && watch.toLowerCase() !== 'false' ? 'watch' : 'list';
    info.name = exactName(query.get('fieldSelector') ?? '');
  }
  if (info.name === '' && info.verb === 'delete') info.verb = 'deletecollection';
  return info;
}

/** The first value of each parameter; Go drops pairs with a semicolon. */
function parseQuery(raw: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const pair of raw.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const [key = '', value = ''] = split(pair, '=').map((text) =>
      decodeURIComponent(text.replaceAll('+', ' ')),
    );
    if (!values.has(key)) values.set(key, value);
  }
  return values;
}

function exactName(selector: string): string {
  const terms = selector.match(/(?:\\.|[^\\,])+/gs) ?? [];
  for (const term of terms.sort()) {
    const match = /^([^!=]*(?:![^!=]+)*)(!=|==|=)(.*)$/s.exec(term);
    if (match?.[1] !== 'metadata.name' || match[2] === '!=') continue;
    const name = (match[3] ?? '').replace(/\\(.)/g, '$1');
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  }
  return '';
}

function split(text: string, at: string): string[] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}
