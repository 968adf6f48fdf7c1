/** One question as CoreDNS logs it. */
export interface Question {
  /** Address of who asked. */
  readonly client: string;
  /** As it was asked, lower case, without the last dot. */
  readonly name: string;
  /** Such as `A`. */
  readonly type: string;
  /** Such as `NXDOMAIN`. */
  readonly code: string;
}

/** `[INFO] 10.244.0.2:46558 - 17199 "AAAA IN kubernetes.default. udp 62 false 512" NXDOMAIN qr,aa,rd 155 0.0003s` */
const LINE = /^\[INFO\] (\S+):[0-9]+ - [0-9]+ "(\S+) \S+ (\S+) .*?" (\S+) /gm;

/** The questions in CoreDNS's log. */
export function questionsIn(log: string): Question[] {
  return [...log.matchAll(LINE)].map(([, client = '', type = '', name = '', code = '']) => ({
    client: client.replace(/^\[|\]$/g, ''),
    name: name.toLowerCase().replace(/(?<=.)\.$/, ''),
    type,
    code,
  }));
}
