// Dark or light: as the system says, until somebody chooses. Colours themselves stand in app.css.

export type Choice = 'system' | 'light' | 'dark';

const KEY = 'weir.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function kept(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'system';
  } catch {
    // Storage may be switched off.
    return 'system';
  }
}

class Theme {
  choice = $state<Choice>(kept());
  dark = $state(false);

  constructor() {
    this.#apply();
    system.addEventListener('change', () => this.#apply());
  }

  choose(choice: Choice): void {
    this.choice = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Then it holds until the page is closed.
    }
    this.#apply();
  }

  /** The document first, so that whoever follows `dark` reads the colours of the new theme. */
  #apply(): void {
    const dark = this.choice === 'dark' || (this.choice === 'system' && system.matches);
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
    this.dark = dark;
  }
}

export const theme = new Theme();

/** The value of a colour of app.css in the theme that is shown. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Colours of channels that have a twin for the dark, as users choose them: those of app.css in the light. */
export const PALETTE = ['#2f6fde', '#ef8a3c', '#1fa582', '#b857a5', '#ddb021', '#5793b5', '#d4505f', '#7359c9', '#84a532', '#96775a'];

/** A name of app.css, or a colour that somebody chose, in the theme that is shown. */
export function paint(given: string): string {
  if (!given.startsWith('#')) return colour(given);
  const place = PALETTE.indexOf(given.toLowerCase());
  return place < 0 ? given : colour(`series-${place}`);
}
