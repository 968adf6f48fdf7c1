/**
 * How the usual HTTP clients are told to trust the pod's own CA. Each row is a variable that its client documents; a variable
 * that the container sets itself is left alone.
 */

import {
  AGENT_DIRECTORY,
  AGENT_FILES,
  JAVA_TRUST_STORE_PASSWORD,
} from '../../core/api/pod-layout.ts';
import type { EnvironmentVariable } from '../pods/pod.ts';

interface ClientVariable {
  readonly name: string;
  readonly value: string;
  /** Who reads it. */
  readonly clients: string;
  /** Where that is documented. */
  readonly source: string;
  /** Several programs share this variable, so the value is added to what is there. */
  readonly append?: true;
}

const inAgentDirectory = (file: string): string => `${AGENT_DIRECTORY}/${file}`;
const CA = inAgentDirectory(AGENT_FILES.ca);
const JAVA_OPTIONS = [
  `-Djavax.net.ssl.trustStore=${inAgentDirectory(AGENT_FILES.javaTrustStore)}`,
  '-Djavax.net.ssl.trustStoreType=JKS',
  `-Djavax.net.ssl.trustStorePassword=${JAVA_TRUST_STORE_PASSWORD}`,
].join(' ');

export const CLIENT_VARIABLES: readonly ClientVariable[] = [
  {
    name: 'SSL_CERT_FILE',
    value: CA,
    clients:
      "OpenSSL's default paths and what relies on them (Python ssl and urllib, Ruby, Perl, PHP's streams, .NET), Go, rustls with the system's roots, uv, Julia",
    source: 'https://docs.openssl.org/3.5/man7/openssl-env/ https://pkg.go.dev/crypto/x509',
  },
  {
    name: 'CURL_CA_BUNDLE',
    value: CA,
    clients: 'curl (the program: libcurl reads no variable)',
    source: 'https://curl.se/docs/manpage.html',
  },
  {
    name: 'WGETRC',
    value: inAgentDirectory(AGENT_FILES.wgetrc),
    clients: 'GNU wget, which has no variable for its CA but one for its start-up file',
    source: 'https://www.gnu.org/software/wget/manual/html_node/Wgetrc-Location.html',
  },
  {
    name: 'WGET2RC',
    value: inAgentDirectory(AGENT_FILES.wgetrc),
    clients: 'GNU Wget2, in the same way',
    source: 'https://gitlab.com/gnuwget/wget2/-/blob/master/src/options.c',
  },
  {
    name: 'APT_CONFIG',
    value: inAgentDirectory(AGENT_FILES.aptConfiguration),
    clients:
      'apt, which has no variable for its CA but one for the first of its configuration files',
    source: 'https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html',
  },
  {
    name: 'NODE_EXTRA_CA_CERTS',
    value: CA,
    clients: 'Node.js, Bun',
    source: 'https://nodejs.org/api/cli.html#node_extra_ca_certsfile',
  },
  {
    name: 'NPM_CONFIG_CAFILE',
    value: CA,
    clients: 'npm, which does not take the CAs of Node.js once its cafile is set',
    source: 'https://docs.npmjs.com/cli/v11/using-npm/config#cafile',
  },
  {
    name: 'YARN_HTTPS_CA_FILE_PATH',
    value: CA,
    clients: 'Yarn 2 and later',
    source: 'https://yarnpkg.com/configuration/yarnrc#httpsCaFilePath',
  },
  {
    name: 'DENO_CERT',
    value: CA,
    clients: 'Deno',
    source: 'https://docs.deno.com/runtime/reference/env_variables/',
  },
  {
    name: 'REQUESTS_CA_BUNDLE',
    value: CA,
    clients: 'Python requests, and what is built on it (Azure CLI, conda)',
    source: 'https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification',
  },
  {
    name: 'PIP_CERT',
    value: CA,
    clients: 'pip',
    source: 'https://pip.pypa.io/en/stable/cli/pip/#cmdoption-cert',
  },
  {
    name: 'HTTPLIB2_CA_CERTS',
    value: CA,
    clients: 'Python httplib2 (older Google clients)',
    source: 'https://github.com/httplib2/httplib2/blob/master/python3/httplib2/certs.py',
  },
  {
    name: 'AWS_CA_BUNDLE',
    value: CA,
    clients: 'AWS CLI and SDKs',
    source: 'https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html',
  },
  {
    name: 'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
    value: CA,
    clients: 'gcloud',
    source: 'https://cloud.google.com/sdk/gcloud/reference/topic/configurations',
  },
  {
    name: 'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
    value: CA,
    clients: 'gRPC core (C++, Python, Ruby, PHP)',
    source: 'https://github.com/grpc/grpc/blob/master/doc/environment_variables.md',
  },
  {
    name: 'GIT_SSL_CAINFO',
    value: CA,
    clients: 'git',
    source: 'https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslCAInfo',
  },
  {
    name: 'CARGO_HTTP_CAINFO',
    value: CA,
    clients: 'Cargo',
    source: 'https://doc.rust-lang.org/cargo/reference/config.html#httpcainfo',
  },
  {
    name: 'COMPOSER_CAFILE',
    value: CA,
    clients: 'Composer (PHP)',
    source: 'https://getcomposer.org/doc/03-cli.md#composer-cafile',
  },
  {
    name: 'PHP_INI_SCAN_DIR',
    // What comes before the colon is the directory that PHP was built with.
    value: `:${AGENT_DIRECTORY}/`,
    clients: "PHP's curl extension, which reads a configuration file but no variable",
    source:
      'https://www.php.net/manual/en/configuration.file.php https://www.php.net/manual/en/curl.configuration.php',
  },
  {
    name: 'BUNDLE_SSL_CA_CERT',
    value: CA,
    clients: 'Bundler (Ruby)',
    source: 'https://bundler.io/man/bundle-config.1.html',
  },
  {
    name: 'PERL_LWP_SSL_CA_FILE',
    value: CA,
    clients: 'LWP (Perl)',
    source: 'https://metacpan.org/pod/LWP::UserAgent#ENVIRONMENT-VARIABLES',
  },
  {
    name: 'MOJO_CA_FILE',
    value: CA,
    clients: 'Mojolicious (Perl)',
    source: 'https://docs.mojolicious.org/Mojo/UserAgent#ca',
  },
  {
    name: 'PERL_ANYEVENT_CA_FILE',
    value: CA,
    clients: 'AnyEvent (Perl)',
    source: 'https://metacpan.org/pod/AnyEvent#ENVIRONMENT-VARIABLES',
  },
  {
    name: 'HEX_CACERTS_PATH',
    value: CA,
    clients: 'Hex and Mix (Elixir), which do not take the CAs of the system',
    source: 'https://hexdocs.pm/hex/Mix.Tasks.Hex.Config.html',
  },
  {
    name: 'SYSTEM_CERTIFICATE_PATH',
    value: CA,
    clients: 'Haskell (crypton-x509-system), Stack, Elm',
    source: 'https://docs.haskellstack.org/en/stable/faq/',
  },
  {
    name: 'NIX_SSL_CERT_FILE',
    value: CA,
    clients: 'Nix, and what nixpkgs builds',
    source: 'https://nix.dev/manual/nix/stable/command-ref/env-common',
  },
  {
    name: 'RCLONE_CA_CERT',
    value: CA,
    clients: 'rclone',
    source: 'https://rclone.org/docs/#ca-cert-stringarray',
  },
  {
    name: 'JAVA_TOOL_OPTIONS',
    value: JAVA_OPTIONS,
    clients: 'Java (every JVM: it has no variable for a trust store alone)',
    source: 'https://docs.oracle.com/en/java/javase/21/docs/specs/jvmti.html#tooloptions',
    append: true,
  },
];

/** `env` of a container with the variables that it lacks. They come last, so that no `$(…)` in the container's own sees them. */
export function withClientVariables(env: readonly EnvironmentVariable[]): EnvironmentVariable[] {
  const kept = env.map((variable) => {
    const shared = CLIENT_VARIABLES.find(({ name, append }) => append && name === variable.name);
    // A value that is taken from elsewhere cannot be added to.
    if (shared === undefined || variable.valueFrom !== undefined) return variable;
    return { ...variable, value: appended(variable.value ?? '', shared.value) };
  });
  const missing = CLIENT_VARIABLES.filter(({ name }) => !env.some((v) => v.name === name));
  return [...kept, ...missing.map(({ name, value }) => ({ name, value }))];
}

/** A trust store that the container chose itself stays. */
function appended(options: string, added: string): string {
  if (options.includes('-Djavax.net.ssl.trustStore=')) return options;
  return options === '' ? added : `${options} ${added}`;
}
