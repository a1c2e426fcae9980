import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { errataHome, findTarget, parseDsn } from './target.js';

describe('parseDsn', () => {
  it.each([
    ['http://k1@127.0.0.1:3400/1', 'http://127.0.0.1:3400/v1/events'],
    ['https://k1@errata.example.org/42', 'https://errata.example.org/v1/events'],
    ['https://k1:old-secret@errata.example.org/42/', 'https://errata.example.org/v1/events'],
    ['https://k1@example.org/errata/api/42', 'https://example.org/errata/api/v1/events'],
    ['http://k1@[::1]:3400/1', 'http://[::1]:3400/v1/events'],
  ])('%s posts to %s', (dsn, eventsUrl) => {
    expect(parseDsn(dsn)).toEqual({ eventsUrl, key: 'k1' });
  });

  it.each([
    ['not an address', /not an http\(s\) address/],
    ['ftp://secretkey@host/1', /not an http\(s\) address/],
    ['https://host/1', /no ingest key/],
    ['https://secretkey@host', /does not end in a project id/],
    ['https://secretkey@host/abc', /does not end in a project id/],
  ])('%s is refused without repeating the key', (dsn, message) => {
    expect(() => parseDsn(dsn)).toThrow(message);
    expect(() => parseDsn(dsn)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('secretkey') }),
    );
  });
});

describe('findTarget', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'errata-home-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  it('takes the running instance where no DSN is given', async () => {
    await writeFile(path.join(home, 'ready.json'), '{"url":"http://h:1","dsn":"http://k@h:1/1","pid":1}');
    expect(await findTarget(undefined, home)).toEqual({ eventsUrl: 'http://h:1/v1/events', key: 'k' });
    expect(await findTarget('http://other@h:2/1', home)).toEqual({
      eventsUrl: 'http://h:2/v1/events',
      key: 'other',
    });
  });

  it('says how to get one where none runs', async () => {
    await expect(findTarget(undefined, home)).rejects.toThrow(/no running instance: .*npm start.*--dsn/);
    await expect(findTarget(undefined, path.join(home, 'none'))).rejects.toThrow(/no running instance/);
  });

  it.each(['', '{', '[]', '{"url":"http://h"}'])('refuses a ready.json of %p', async (text) => {
    await writeFile(path.join(home, 'ready.json'), text);
    await expect(findTarget(undefined, home)).rejects.toThrow(/names no url and dsn/);
  });
});

describe('errataHome', () => {
  it('is .errata under the current directory unless set', () => {
    expect(errataHome({}, '/srv')).toBe('/srv/.errata');
    expect(errataHome({ ERRATA_HOME: '' }, '/srv')).toBe('/srv/.errata');
    expect(errataHome({ ERRATA_HOME: 'data' }, '/srv')).toBe('/srv/data');
    expect(errataHome({ ERRATA_HOME: '/var/errata' }, '/srv')).toBe('/var/errata');
  });
});
