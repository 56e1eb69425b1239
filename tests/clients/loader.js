// WatermelonDB is made for bundlers, which find the index of a folder; Node's modules need this hook.
import { register } from 'node:module';

const hook = `
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_UNSUPPORTED_DIR_IMPORT') throw error;
    return next(specifier + '/index.js', context);
  }
}`;

register(`data:text/javascript,${encodeURIComponent(hook)}`);
