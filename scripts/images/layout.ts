import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buildah, contentKey, IMAGE_CACHE } from './store.ts';
import { unpackLayout } from './unpacked.ts';

const PREFIX = 'layout-';
/** Another run may be importing an earlier one. */
const KEPT_MILLISECONDS = 60 * 60 * 1000;
const REFERENCE = 'org.opencontainers.image.ref.name';

interface Descriptor {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Index {
  readonly manifests: readonly Descriptor[];
}

interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/**
 * Where the OCI layout (a folder) with these images is, once it is made.
 *
 * @param images from the name that the layout gives it to the image in the store
 */
export function layoutPath(images: ReadonlyMap<string, string>): string {
  return join(IMAGE_CACHE, `${PREFIX}${contentKey(['unpacked', ...[...images].flat()])}`);
}

/** Makes it from the store. What an earlier layout has already is linked, not written again. */
export async function makeLayout(
  layout: string,
  images: ReadonlyMap<string, string>,
): Promise<void> {
  const aside = `${layout}.aside`;
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  const [newest] = layouts().sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const present = new Map(newest === undefined ? [] : linkEarlier(newest, aside, images));
  for (const [tag, image] of images) {
    if (!present.has(tag)) {
      await buildah(['push', '--quiet', image, `oci:${aside}:${tag}`]);
    }
  }
  writeFileSync(join(aside, 'sources.json'), JSON.stringify([...images]));
  await unpackLayout(aside, images.keys(), newest);
  renameSync(aside, layout);
  removeOld(layout);
}

/** Links what an earlier layout has of these images, with the layers they share; answers which those are. */
function linkEarlier(
  earlier: string,
  target: string,
  images: ReadonlyMap<string, string>,
): [string, string][] {
  const sources: [string, string][] = JSON.parse(
    readFileSync(join(earlier, 'sources.json'), 'utf8'),
  );
  const same = sources.filter(([tag, image]) => images.get(tag) === image);
  const tags = new Set(same.map(([tag]) => tag));
  const index: Index = JSON.parse(readFileSync(join(earlier, 'index.json'), 'utf8'));
  const manifests = index.manifests.filter(({ annotations }) =>
    tags.has(annotations?.[REFERENCE] ?? ''),
  );
  mkdirSync(join(target, 'blobs/sha256'), { recursive: true });
  const link = ({ digest }: Descriptor) => {
    const blob = join('blobs', digest.replace(':', '/'));
    if (!existsSync(join(target, blob))) linkSync(join(earlier, blob), join(target, blob));
  };
  for (const descriptor of manifests) {
    const blob = join(earlier, 'blobs', descriptor.digest.replace(':', '/'));
    const manifest: Manifest = JSON.parse(readFileSync(blob, 'utf8'));
    for (const part of [descriptor, manifest.config, ...manifest.layers]) link(part);
  }
  writeFileSync(join(target, 'index.json'), JSON.stringify({ ...index, manifests }));
  copyFileSync(join(earlier, 'oci-layout'), join(target, 'oci-layout'));
  return same;
}

function removeOld(current: string): void {
  for (const layout of layouts()) {
    const old = Date.now() - statSync(layout).mtimeMs > KEPT_MILLISECONDS;
    if (layout !== current && old) rmSync(layout, { recursive: true });
  }
}

function layouts(): string[] {
  return readdirSync(IMAGE_CACHE)
    .filter((name) => name.startsWith(PREFIX) && !name.endsWith('.aside'))
    .map((name) => join(IMAGE_CACHE, name));
}
