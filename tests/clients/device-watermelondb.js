import './clock.js';
import './loader.js';
import { obey } from './commands.js';

const { Database } = await import('@nozbe/watermelondb');
const { default: loki } = await import('@nozbe/watermelondb/adapters/lokijs');
const { Api } = await import('./api.js');
const { Habit, Progress, migrations, schema } = await import('./database.js');
const { sync } = await import('./sync.js');

const adapter = new loki.default({
  schema,
  migrations,
  useWebWorker: false,
  useIncrementalIndexedDB: false,
});
const database = new Database({ adapter, modelClasses: [Habit, Progress] });
const statuses = [];
let api;

class WatchedApi extends Api {
  async call(...words) {
    try {
      return await super.call(...words);
    } catch (error) {
      statuses.push(error.status ?? null);
      throw error;
    }
  }
}

// As a model's decorated fields would.
function assign(record, fields) {
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'id') record._raw.id = value;
    else record._setRaw(name, value);
  }
}

await obey({
  open: (url, tokens) => void (api = new WatchedApi(url, tokens)),
  use: (url) => void (api.url = url),
  expire: () => void (api.tokens.access_token = 'expired'),
  statuses: () => statuses.splice(0),
  insert: (table, rows) =>
    database.write(() =>
      database.batch(
        rows.map((row) => database.get(table).prepareCreate((record) => assign(record, row))),
      ),
    ),
  patch: (table, id, fields) =>
    database.write(async () => {
      const record = await database.get(table).find(id);
      await record.update(() => assign(record, fields));
    }),
  remove: (table, id) =>
    database.write(async () => (await database.get(table).find(id)).markAsDeleted()),
  sync: () => sync(database, api),
  async rows(table) {
    const records = await database.get(table).query().fetch();
    return records.map(({ _raw: { _status, _changed, ...row } }) => row);
  },
});
