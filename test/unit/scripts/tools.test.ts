import { describe, expect, it } from 'vitest';
import { kubernetesFolder, linkerFlags, type ToolModule } from '../../../scripts/tools.ts';

describe('the Kubernetes that is asked for', () => {
  it.each([
    [undefined, 'kubernetes'],
    ['', 'kubernetes'],
    ['1.36', 'kubernetes'],
    ['1.33', 'kubernetes-1.33'],
    ['1.37', 'kubernetes-1.37'],
  ])('%j is built from tools/%s', (minor, folder) => {
    expect(kubernetesFolder(minor)).toBe(folder);
  });

  it.each(['1.3', '1.32', 'v1.33', '1.33.13', '../etcd'])('%j is refused', (minor) => {
    expect(() => kubernetesFolder(minor)).toThrow(
      `KUBERNETES=${minor}: there are 1.33, 1.36, 1.37 (tools/)`,
    );
  });

  it('tells its own version', () => {
    const module: ToolModule = {
      folder: 'kubernetes-1.33',
      programs: new Map(),
      stamped: 'k8s.io/kubernetes',
      expected: '',
    };
    expect(linkerFlags(module)).toMatch(
      /version\.gitVersion=v1\.33\.\d+ .*gitMajor=1 .*gitMinor=33 /,
    );
  });
});
