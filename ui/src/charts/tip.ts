// Nodes of what stands beside the pointer on a chart; texts are set as text.

export function element(kind: string, name = '', text = ''): HTMLElement {
  const made = document.createElement(kind);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

/** Puts a time over a tip. */
export function box(local: string, utc: string, tip: HTMLElement): HTMLElement {
  const head = element('div', 'tip-head', local);
  head.append(element('span', 'tip-utc', utc));
  tip.prepend(head);
  return tip;
}
