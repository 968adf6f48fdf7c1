import { describe, expect, test } from 'vitest';
import type { ListOptions } from '../../../../core/kubernetes/client.ts';
import { KubernetesError, type KubernetesErrorKind } from '../../../../core/kubernetes/error.ts';
import type { KubernetesList, KubernetesObject, Live } from '../../../../core/kubernetes/object.ts';
import { createPager } from '../../../../core/kubernetes/pager.ts';
import { configMaps } from '../../../../core/kubernetes/resources.ts';

type Page = KubernetesList<KubernetesObject> | KubernetesErrorKind;

const objectOf = (name: string): Live<KubernetesObject> => ({
  metadata: { name, uid: name, resourceVersion: '1', labels: { large: 'yes' } },
});
const page = (names: readonly string[], next?: string): Page => ({
  metadata: { resourceVersion: '9', ...(next && { continue: next }) },
  items: names.map(objectOf),
});

/** A pager over these answers, in their order, and what it asked for. */
const pagerOver = (...pages: Page[]) => {
  const asked: ListOptions[] = [];
  const signal = new AbortController().signal;
  const pager = createPager<KubernetesObject, KubernetesObject>({
    client: {
      async list(_resource, options) {
        const { signal: own, ...rest } = options ?? {};
        expect(own).toBe(signal);
        asked.push(rest);
        const next = pages.shift();
        if (next === undefined) throw new Error('no page is left');
        if (typeof next === 'string') throw new KubernetesError(next, 'no');
        return next as never;
      },
    },
    resource: configMaps,
    keep: ({ metadata: { labels: _, ...metadata } }) => ({ metadata }),
    selection: { namespace: 'soc' },
    signal,
  });
  return { pager, asked };
};
const named = ({ items }: { items: Live<KubernetesObject>[] }) =>
  items.map(({ metadata }) => metadata.name);

describe('a whole list', () => {
  test('is put together of pages, and what is not kept of an object is gone', async () => {
    const { pager, asked } = pagerOver(page(['a', 'b'], 'more'), page(['c']));
    const list = await pager.list();
    expect(named(list)).toEqual(['a', 'b', 'c']);
    expect(list.version).toBe('9');
    expect(list.items[0]?.metadata.labels).toBeUndefined();
    expect(asked).toEqual([
      { namespace: 'soc', limit: 500 },
      { namespace: 'soc', limit: 500, continue: 'more' },
    ]);
  });

  test('is asked for at once when its snapshot is gone between two pages', async () => {
    const { pager, asked } = pagerOver(page(['a'], 'more'), 'Gone', page(['a', 'b']));
    expect(named(await pager.list())).toEqual(['a', 'b']);
    expect(asked.at(-1)).toEqual({ namespace: 'soc' });
  });

  test('is asked for in smaller pages where an answer is too large, then and later', async () => {
    const { pager, asked } = pagerOver('TooLarge', 'TooLarge', page(['a']), page(['a']));
    await pager.list();
    await pager.list();
    expect(asked.map(({ limit }) => limit)).toEqual([500, 50, 5, 5]);
  });

  test('of which a single object is too large is an error', async () => {
    const { pager, asked } = pagerOver('TooLarge', 'TooLarge', 'TooLarge', 'TooLarge');
    await expect(pager.list()).rejects.toMatchObject({ kind: 'TooLarge' });
    expect(asked.map(({ limit }) => limit)).toEqual([500, 50, 5, 1]);
  });

  test('that is refused is an error', async () => {
    await expect(pagerOver('Forbidden').pager.list()).rejects.toMatchObject({ kind: 'Forbidden' });
  });
});
