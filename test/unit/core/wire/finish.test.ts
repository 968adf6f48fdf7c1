import { parseFinishRequest } from '../../../../core/wire/finish.ts';
import { describeMessage, longerThan, NOT_OBJECT, NOT_TEXT, notInteger } from './strict-message.ts';

const finish = {
  grant: { namespace: 'soc', name: 'quarantine-1', uid: 'u1' },
  outcome: 'Succeeded',
  responseCode: 200,
  credentialToken: 'a.b.c',
};
describeMessage('a finish request', {
  parse: parseFinishRequest,
  valid: finish,
  members: {
    'grant?': NOT_OBJECT,
    'grant.namespace': [...NOT_TEXT, longerThan(63)],
    'grant.name': [...NOT_TEXT, longerThan(253)],
    'grant.uid': [...NOT_TEXT, longerThan(64)],
    outcome: [...NOT_TEXT, 'succeeded'],
    'responseCode?': notInteger(100, 599),
    'credentialToken?': [...NOT_TEXT, longerThan(16_384)],
  },
});
