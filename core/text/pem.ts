import { X509Certificate } from 'node:crypto';

/** Whether a text has certificates in PEM (RFC 7468 5), at least one, and each of them can be read. */
export function holdsCertificates(text: string): boolean {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
    return blocks.length > 0;
  } catch {
    return false;
  }
}

/** What a setting's file must hold, for `ConfigReader.file`. */
export const CERTIFICATES = { name: 'certificates in PEM', isIn: holdsCertificates } as const;
