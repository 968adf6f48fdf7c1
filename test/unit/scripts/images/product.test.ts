import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { imageSources } from '../../../../scripts/images/product.ts';
import { ROOT } from '../../../../scripts/tools.ts';

const IGNORE = `# Only what the Dockerfile copies.
*
!package.json
!controller
`;

test('an image is built from its two files and everything that .dockerignore lets in', () => {
  expect(imageSources(IGNORE)).toEqual([
    '.dockerignore',
    'Dockerfile',
    'package.json',
    'controller',
  ]);
});

test('the Dockerfile copies exactly what .dockerignore lets in', () => {
  const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
  const copied = read('Dockerfile')
    .split('\n')
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
    .flatMap((line) => line.split(/\s+/).slice(1, -1));
  const letIn = imageSources(read('.dockerignore')).filter(
    (path) => !['.dockerignore', 'Dockerfile'].includes(path),
  );
  expect(copied.sort()).toEqual(letIn.sort());
});
