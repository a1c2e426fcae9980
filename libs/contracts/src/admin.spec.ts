import { createKeyBody, createProjectBody, createTokenBody, updateProjectBody } from './admin.js';

const MESSAGE = 'must not contain NUL or unpaired surrogates';
const token = { name: 'ci', scopes: ['events:read'] };

describe('text of the admin API', () => {
  it.each([
    ['the name of a project', createProjectBody, (text: string) => ({ name: text }), 'name'],
    ['the new name of a project', updateProjectBody, (text: string) => ({ name: text }), 'name'],
    ['the label of a key', createKeyBody, (text: string) => ({ label: text }), 'label'],
    ['the name of a token', createTokenBody, (text: string) => ({ ...token, name: text }), 'name'],
    ['the tenant of a token', createTokenBody, (text: string) => ({ ...token, tenant: text }), 'tenant'],
  ])('refuses what cannot be stored in %s, and nothing else', (_, schema, body, field) => {
    for (const text of ['a\0b', 'a\ud800', '\udc00b', '\udc00\ud800']) {
      const issues = schema.safeParse(body(text)).error?.issues;
      expect(issues).toMatchObject([{ path: [field], message: MESSAGE }]);
    }
    expect(schema.safeParse(body('caf\u00e9 \u{1f525}\t')).success).toBe(true);
  });
});
