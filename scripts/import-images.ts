// Inside a cluster: import-images.ts <state directory> <image layout>
import { importImages } from '../test/support/node/import-images.ts';

const [directory = '', layout = ''] = process.argv.slice(2);
await importImages(directory, layout);
