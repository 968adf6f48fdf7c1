/**
 * Configuration from environment variables: the only reader of `process.env`. Everything is read and checked at start; all
 * that is wrong is reported together, each by the variable's name, and nothing starts half-configured.
 */

import { readFileSync } from 'node:fs';
import { ProblemError } from '../core/api/problem.ts';

const PREFIX = 'ACTIONGRANT_';
/** The kubelet sets such variables for every Service of the namespace, the controller's included. They are no settings. */
const SERVICE_LINK = /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_[A-Z0-9_]+)$/;
/** A setting may be called `…_PORT` too. The kubelet's variable of that name has a URL as its value. */
const SERVICE_LINK_URL = /^(?:tcp|udp|sctp):\/\//;

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a file must hold. The complaint never shows what it does hold: that may be a secret. */
export interface FileContent {
  readonly name: string;
  isIn(text: string): boolean;
}

/** The environment of this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Collects the values of one process and every complaint about them. */
export class ConfigReader {
  readonly #environment: Environment;
  readonly #defaults: Environment;
  /** Each once, however often its variable is read. */
  readonly #complaints = new Set<string>();
  readonly #known = new Set<string>();

  /** @param defaults for variables that are not in the environment, or empty there */
  constructor(environment: Environment, defaults: Environment = {}) {
    this.#environment = environment;
    this.#defaults = defaults;
  }

  /** Whether the variable is there, empty or not. */
  has(name: string): boolean {
    this.#known.add(name);
    return this.#environment[name] !== undefined;
  }

  /** A text; without `fallback` it is required. */
  text(name: string, fallback?: string): string {
    this.#known.add(name);
    const value = this.#environment[name] || this.#defaults[name];
    if (value !== undefined && value !== '') return value;
    if (fallback === undefined) this.complain(name, 'is required');
    return fallback ?? '';
  }

  optionalText(name: string): string | undefined {
    const value = this.text(name, '');
    return value === '' ? undefined : value;
  }

  integer(name: string, range: { min: number; max: number }, fallback: number): number {
    const value = this.text(name, String(fallback));
    const number = Number(value);
    if (!/^-?[0-9]+$/.test(value) || number < range.min || number > range.max) {
      this.complain(name, `must be an integer from ${range.min} to ${range.max}, not "${value}"`);
      return fallback;
    }
    return number;
  }

  oneOf<T extends string>(name: string, values: readonly T[], fallback: T): T {
    const value = this.text(name, fallback);
    const found = values.find((v) => v === value);
    if (found === undefined) {
      this.complain(name, `must be one of ${values.join(', ')}, not "${value}"`);
    }
    return found ?? fallback;
  }

  /** JSON of the form that `is` accepts. @param what how a complaint names that form */
  json<T>(name: string, fallback: T, is: (value: unknown) => value is T, what: string): T {
    const text = this.optionalText(name);
    if (text === undefined) return fallback;
    const value = parsed(text);
    if (is(value)) return value;
    this.complain(name, `must be ${what} in JSON`);
    return fallback;
  }

  /** Comma-separated, without empty members. */
  list(name: string): string[] {
    return this.text(name, '')
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  /** A list in lower case, as names of headers are compared. */
  lowerCaseList(name: string): string[] {
    const items = this.list(name);
    for (const item of items) {
      if (item !== item.toLowerCase()) {
        this.complain(name, `must be lower case, not "${item}"`);
      }
    }
    return items;
  }

  /** @param parse throws TypeError in words that follow the setting's name */
  parsedList<T>(name: string, parse: (item: string) => T): T[] {
    return this.list(name).flatMap((item) => {
      try {
        return [parse(item)];
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        this.complain(name, error.message);
        return [];
      }
    });
  }

  /** The content of the file that the setting names, which is required. */
  file(name: string, content: FileContent): string {
    const path = this.text(name);
    return path === '' ? '' : this.#contentOf(name, path, content);
  }

  optionalFile(name: string, content: FileContent): string | undefined {
    const path = this.optionalText(name);
    return path === undefined ? undefined : this.#contentOf(name, path, content);
  }

  #contentOf(name: string, path: string, content: FileContent): string {
    try {
      const text = readFileSync(path, 'utf8');
      if (content.isIn(text)) return text;
      this.complain(name, `names a file that does not hold ${content.name}`);
    } catch (error) {
      this.complain(name, `names a file that cannot be read (${(error as Error).message})`);
    }
    return '';
  }

  /** `host:port`, `[v6]:port` or `:port` (every address). */
  address(name: string, fallback: string): { host: string; port: number } {
    return this.#addressIn(name, this.text(name, fallback));
  }

  /** A list of these; empty if there is none. */
  addresses(name: string): { host: string; port: number }[] {
    return this.list(name).map((value) => this.#addressIn(name, value));
  }

  #addressIn(name: string, value: string): { host: string; port: number } {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(value);
    const port = Number(match?.[3]);
    if (match === null || port > 65535) {
      this.complain(name, `must be host:port, not "${value}"`);
      return { host: '127.0.0.1', port: 0 };
    }
    return { host: match[1] ?? (match[2] || '::'), port };
  }

  /** `from=to` pairs, comma-separated. */
  map(name: string): Map<string, string> {
    const result = new Map<string, string>();
    for (const item of this.list(name)) {
      const at = item.indexOf('=');
      if (at < 1 || at === item.length - 1) {
        this.complain(name, `must be a comma-separated list of from=to, not "${item}"`);
      } else result.set(item.slice(0, at), item.slice(at + 1));
    }
    return result;
  }

  /** Adds a complaint of the caller's own check. */
  complain(name: string, reason: string): void {
    this.#complaints.add(`${name} ${reason}`);
  }

  /** Names among the defaults that nobody has asked for. */
  unreadDefaults(): string[] {
    return Object.keys(this.#defaults).filter((name) => !this.#known.has(name));
  }

  /**
   * Ends the reading. A variable with our prefix that nobody asked for is a complaint too: a typing error must not
   * silently leave a default in force.
   * @throws ProblemError ConfigurationInvalid, naming every variable that is wrong
   */
  finish(): void {
    for (const [name, value] of Object.entries(this.#environment)) {
      if (name.startsWith(PREFIX) && !this.#known.has(name) && !isServiceLink(name, value)) {
        this.complain(name, 'is not a known setting');
      }
    }
    if (this.#complaints.size > 0) {
      throw new ProblemError('ConfigurationInvalid', [...this.#complaints].join('; '));
    }
  }
}

/** A setting that turns out to be unusable when it is used. @returns what to throw */
export function settingUnusable(name: string, reason: string, error: unknown): ProblemError {
  const text = error instanceof Error ? error.message : 'unknown error';
  return new ProblemError('ConfigurationInvalid', `${name} ${reason} (${text})`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isServiceLink(name: string, value: string | undefined): boolean {
  return SERVICE_LINK.test(name) || (name.endsWith('_PORT') && SERVICE_LINK_URL.test(value ?? ''));
}
