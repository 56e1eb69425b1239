import './clock.js';
import { createRxDatabase } from 'rxdb';
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory';
import { filter, firstValueFrom, merge } from 'rxjs';
import { Api } from './api.js';
import { collections } from './collections.js';
import { obey } from './commands.js';
import { startOver } from './start-over.js';
import { syncCollection } from './sync.js';

const names = Object.keys(collections);
let database, api;
let live = [];
const statuses = [];

// What the handlers of a replication ran into, by HTTP status; null for a lost reply.
function watch(replication) {
  replication.error$.subscribe((error) => console.error(error.message));
  return replication;
}

function start() {
  live = names.map((name) => watch(syncCollection(database[name], api, { retryTime: 50 })));
}

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

await obey({
  async open(url, tokens) {
    api = new WatchedApi(url, tokens);
    database = await createRxDatabase({ name: `d${process.pid}`, storage: getRxStorageMemory() });
    await database.addCollections(collections);
  },
  use: (url) => void (api.url = url),
  expire: () => void (api.tokens.access_token = 'expired'),
  statuses: () => statuses.splice(0),
  insert: async (name, rows) => void (await database[name].bulkInsert(rows)),
  async patch(name, id, fields) {
    const document = await database[name].findOne(id).exec();
    await document.incrementalPatch(fields);
  },
  async remove(name, id) {
    const document = await database[name].findOne(id).exec();
    await document.incrementalRemove();
  },
  // One round: it ends when all is in sync, after as many retries as that takes.
  async sync() {
    for (const name of names) {
      const options = { live: false, retryTime: 50 };
      await watch(syncCollection(database[name], api, options)).awaitInSync();
    }
  },
  // The way of an app: all collections at once, for as long as it runs.
  async live() {
    start();
    await Promise.all(live.map((replication) => replication.awaitInSync()));
  },
  async resync() {
    live.forEach((replication) => replication.reSync());
    await Promise.all(live.map((replication) => replication.awaitInSync()));
  },
  // What an app does when a pull of its collections is answered 410.
  async startOver(order = names) {
    if (!live.length) start();
    if (!statuses.includes(410)) {
      const errors = merge(...live.map((replication) => replication.error$));
      await firstValueFrom(errors.pipe(filter(() => statuses.includes(410))));
    }
    for (const name of order) {
      const index = names.indexOf(name);
      live[index] = await startOver(database, name, live[index], api, collections[name]);
      await live[index].awaitInSync();
    }
  },
  async rows(name) {
    const documents = await database[name].find().exec();
    return documents.map((document) => document.toJSON());
  },
});
