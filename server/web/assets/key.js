/** The reader's key: kept in this browser alone, and sent with every request. */

const NAME = "tandem.key";

/** Take a key from the address, `#key=...`, and out of it: the address bar is seen by others, and copied. */
export function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  history.replaceState(null, "", location.pathname + location.search);
  keep(given);
}

/** The kept key, or null. */
export function kept() {
  return localStorage.getItem(NAME);
}

export function keep(key) {
  localStorage.setItem(NAME, key);
}

export function forget() {
  localStorage.removeItem(NAME);
}

/** Headers with the credentials; those of `key`, by default of the kept one. */
export function withKey(headers = {}, key = kept()) {
  return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
}
