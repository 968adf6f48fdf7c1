import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { AuthorityKeyIdentifierExtension, BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, Name, PemConverter, SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator, } from '@peculiar/x509';
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MILLISECONDS = 24 * 60 * 60 * 1000;
/** A certificate authority of a test cluster. */
export async function createAuthority(commonName) {
    const keys = await generateKeys();
    const certificate = await X509CertificateGenerator.createSelfSigned({
        name: new Name([{ CN: [commonName] }]),
        keys,
        signingAlgorithm: ALGORITHM,
        ...validity(),
        extensions: [
            new BasicConstraintsExtension(true, undefined, true),
            new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        ],
    });
    return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}
/** A leaf certificate signed by `authority`, with a new key. */
export async function issue(authority, request) {
    const keys = await generateKeys();
    const issuer = new X509Certificate(authority.certificate);
    const certificate = await X509CertificateGenerator.create({
        issuer: issuer.subjectName,
        subject: subject(request),
        publicKey: keys.publicKey,
        signingKey: await importKey(authority.key),
        signingAlgorithm: ALGORITHM,
        ...validity(),
        extensions: [
            new BasicConstraintsExtension(false, undefined, true),
            new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
            new ExtendedKeyUsageExtension([ExtendedKeyUsage[`${request.usage}Auth`]]),
            await AuthorityKeyIdentifierExtension.create(issuer),
            ...alternativeNames(request),
        ],
    });
    return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) };
}
/** One RDN each: a JSON name keeps values such as `system:node:node-1` free of DN escaping. */
function subject({ commonName, organizations = [] }) {
    return new Name([...organizations.map((group) => ({ O: [group] })), { CN: [commonName] }]);
}
function alternativeNames({ dnsNames = [], ipAddresses = [] }) {
    const names = [
        ...dnsNames.map((value) => ({ type: 'dns', value })),
        ...ipAddresses.map((value) => ({ type: 'ip', value })),
    ];
    return names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)];
}
/** Starts a little in the past: two clocks on one machine still round differently. */
function validity() {
    const now = Date.now();
    return { notBefore: new Date(now - 60_000), notAfter: new Date(now + DAY_MILLISECONDS) };
}
function generateKeys() {
    return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
async function exportKey(key) {
    return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
function importKey(pem) {
    const der = PemConverter.decodeFirst(pem);
    return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
