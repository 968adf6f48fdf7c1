/** The attack corpus against Node's parsers and the describing functions, without a network. */

import { describe, expect, it } from 'vitest';
import { describeBody } from '../../../../sidecar/describe/body.ts';
import { loadCorpus } from '../../../attack/corpus.ts';
import { parseCase } from '../../../attack/node-parser.ts';
import { CONTEXT, describeHead } from './heads.ts';
import { refusal } from './problem.ts';

const CORPUS = loadCorpus();
const by = (stage: string) => CORPUS.filter((attack) => attack.by === stage);

describe('the attack corpus', () => {
  it.each(by('parser'))(
    "$theme: $name is turned down by Node's parser, or shows trailers or a tunnel",
    async (attack) => {
      const parsed = await parseCase(attack);
      const noticed = 'turnedDown' in parsed || parsed.trailers.length > 0;
      expect(noticed).toBe(true);
    },
  );

  it.each(by('describe'))('$theme: $name', async ({ expected, ...attack }) => {
    const parsed = await parseCase({ expected, ...attack });
    if ('turnedDown' in parsed) throw new Error(`turned down by the parser: ${parsed.turnedDown}`);
    let accepted: string | undefined;
    const { code } = refusal(() => {
      const described = describeHead(parsed.head, CONTEXT);
      if (described.kind === 'discovery') throw new Error('no case is about discovery');
      describeBody(described, parsed.body);
      accepted = described.upstream.path;
    });
    expect(code === 'accepted' ? { accepted } : { refused: code }).toEqual(expected);
  });

  it.each(
    loadCorpus('json-traps').filter(
      ({ name, expected }) => name !== 'an honest body' && 'accepted' in expected,
    ),
  )('has no JSON reading for a grant to compare: $name', async (attack) => {
    const parsed = await parseCase(attack);
    if ('turnedDown' in parsed) throw new Error(`turned down by the parser: ${parsed.turnedDown}`);
    const described = describeHead(parsed.head, CONTEXT);
    if (described.kind === 'discovery') throw new Error('no case is about discovery');
    const { action, canonicalBody } = describeBody(described, parsed.body);
    expect(canonicalBody).toBeUndefined();
    expect(action.body).not.toHaveProperty('jsonSha256');
  });

  it.each(by('forward'))('$theme: $name can be described, to be refused later', async (attack) => {
    const parsed = await parseCase(attack);
    if ('turnedDown' in parsed) throw new Error(`turned down by the parser: ${parsed.turnedDown}`);
    expect(refusal(() => describeHead(parsed.head, CONTEXT)).code).toBe('accepted');
  });
});
