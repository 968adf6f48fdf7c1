/** The secrets that no answer may bring to the agent now. */

import type { SecretText } from '../credential/credential-type.ts';
import { formsOf } from './forms.ts';
import { hasPieces, PieceTable } from './pieces.ts';
import { symbolsOf } from './symbols.ts';
import { WINDOW } from './window.ts';

/** Of the beginning of a secret so many characters are compared. */
const BEGINNING = 8;

/** Shared by all answers of a sidecar: whatever is added is looked for from then on, in answers that have begun, too. */
export class LiveSecrets {
  readonly pieces: PieceTable = new PieceTable();
  /** The last symbols of those that have no pieces as they stand: digits of their bytes may still be long enough for some. */
  readonly short: Set<Uint8Array> = new Set();
  readonly #lengths = new Map<string, number[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Distinct beginnings of the secrets: tokens of one issuer all have the same. */
  get beginnings(): Iterable<string> {
    return this.#lengths.keys();
  }

  /** Characters of the longest one. */
  get longest(): number {
    let longest = 0;
    for (const lengths of this.#lengths.values()) longest = Math.max(longest, ...lengths);
    return longest;
  }

  /** @returns what ends it; to be called once */
  add(texts: readonly SecretText[]): () => void {
    const ends = texts.map((text) => this.#add(text));
    return () => {
      for (const end of ends) end();
    };
  }

  #add({ whole, unguessable }: SecretText): () => void {
    const forms = formsOf(unguessable);
    const [asItStands] = forms;
    const short =
      asItStands !== undefined && hasPieces(asItStands)
        ? undefined
        : symbolsOf(whole).subarray(-WINDOW);
    this.pieces.add(forms.filter(hasPieces));
    if (short !== undefined) this.short.add(short);
    const beginning = whole.slice(0, BEGINNING);
    const lengths = this.#lengths.get(beginning) ?? [];
    lengths.push(whole.length);
    this.#lengths.set(beginning, lengths);
    this.#size += 1;
    return () => {
      // Made again rather than kept: a form has several times the bytes of the secret.
      this.pieces.remove(formsOf(unguessable).filter(hasPieces));
      if (short !== undefined) this.short.delete(short);
      lengths.splice(lengths.indexOf(whole.length), 1);
      if (lengths.length === 0) this.#lengths.delete(beginning);
      this.#size -= 1;
    };
  }
}
