/** Reads a whole list in pages, as client-go's pager: of a size that the API server answers, and all of one moment. */

import type { KubernetesClient, ListOptions } from './client.ts';
import { isKubernetesError } from './error.ts';
import type { KubernetesList, KubernetesObject, Live, Resource } from './object.ts';

export interface PagerOptions<T extends KubernetesObject, K extends KubernetesObject> {
  client: Pick<KubernetesClient, 'list'>;
  resource: Resource<T>;
  /** What is kept of an object: the rest of its page is not held while the next one is read. */
  keep(object: Live<T>): Live<K>;
  selection: Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
  signal: AbortSignal;
}

export interface WholeList<K extends KubernetesObject> {
  items: Live<K>[];
  /** The moment that all of them are of. */
  version: string;
}

export interface Pager<K extends KubernetesObject> {
  /** @throws KubernetesError */
  list(): Promise<WholeList<K>>;
}

/** Objects in the first page. A page that is too large for one answer is asked for in parts, and so are all later ones. */
const FIRST_PAGE_SIZE = 500;
const PAGE_DIVISOR = 10;

export function createPager<T extends KubernetesObject, K extends KubernetesObject>({
  client,
  resource,
  keep,
  selection,
  signal,
}: PagerOptions<T, K>): Pager<K> {
  let pageSize = FIRST_PAGE_SIZE;

  const listPages = async (limit: number | undefined): Promise<WholeList<K>> => {
    const items: Live<K>[] = [];
    for (let next: string | undefined = ''; ; ) {
      const page: KubernetesList<T> = await client.list(resource, {
        ...selection,
        ...(limit === undefined ? {} : { limit }),
        ...(next ? { continue: next } : {}),
        signal,
      });
      items.push(...page.items.map((item) => keep(item)));
      next = page.metadata.continue;
      if (!next) return { items, version: page.metadata.resourceVersion };
    }
  };

  return {
    async list() {
      for (;;) {
        try {
          return await listPages(pageSize);
        } catch (error) {
          // etcd compacted the snapshot between two pages: all of it is asked for at once.
          if (isKubernetesError(error, 'Gone')) return listPages(undefined);
          if (!isKubernetesError(error, 'TooLarge') || pageSize === 1) throw error;
          pageSize = Math.ceil(pageSize / PAGE_DIVISOR);
        }
      }
    },
  };
}
