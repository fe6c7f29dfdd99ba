// Files that the gateway makes.
import { download } from "../../ui/ui.js";
import { get } from "../../api.js";

/** Saves what is at a path of the API as a file; otherwise is its name if the gateway gives none. */
export async function save(path, otherwise) {
  const r = await get(path, { raw: true });
  const name = r.headers.get("Content-Disposition")?.match(/filename="([^"]+)"/)?.[1];
  download(name ?? otherwise, await r.blob());
}
