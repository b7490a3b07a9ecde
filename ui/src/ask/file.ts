// Files that the browser keeps: views as CSV and JSON, pictures of charts.

/** A name without what file systems dislike. */
export const fileName = (title: string, ending: string): string => `${title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 80) || 'view'}.${ending}`;

/** Gives a file to the browser. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The octets of a `data:` URL. */
export function pictureOf(url: string): Blob {
  const [head = '', text = ''] = url.split(',');
  const octets = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Blob([octets], { type: /^data:([^;]+)/.exec(head)?.[1] ?? 'image/png' });
}
