// Where the page is: path and parameters of its address, which reproduce what it shows.

/** The address; changes of it are followed by everything that reads it. */
class Route {
  path = $state(location.pathname);
  search = $state(location.search);
  params = $derived(new URLSearchParams(this.search));

  constructor() {
    window.addEventListener('popstate', () => this.#read());
  }

  /** Goes there, as a link does. */
  go(address: string): void {
    if (address === location.pathname + location.search) return;
    history.pushState(null, '', address);
    this.#read();
    window.scrollTo(0, 0);
  }

  /** Changes parameters of this page; what is empty goes. A step that `back` undoes, unless `replace` is set. */
  set(changes: Record<string, string | undefined>, replace = false): void {
    const address = this.with(changes);
    if (address === location.pathname + location.search) return;
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.#read();
  }

  /** The address of this page with other parameters. */
  with(changes: Record<string, string | undefined>): string {
    return address(this.path, this.params, changes);
  }

  /** The address of another page, in the same range of time. */
  to(path: string, changes: Record<string, string | undefined> = {}): string {
    const kept = new URLSearchParams();
    for (const name of ['from', 'to', 'last']) {
      const value = this.params.get(name);
      if (value) kept.set(name, value);
    }
    return address(path, kept, changes);
  }

  #read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }
}

function address(path: string, params: URLSearchParams, changes: Record<string, string | undefined>): string {
  const changed = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value) changed.set(name, value);
    else changed.delete(name);
  }
  const search = changed.toString();
  return search ? `${path}?${search}` : path;
}

export const route = new Route();

/** Follows links within the console without loading the page anew. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || link.pathname === '/metrics' || link.pathname === '/healthz') return;
  // A jump within the page is the browser's.
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  route.go(link.pathname + link.search);
}
