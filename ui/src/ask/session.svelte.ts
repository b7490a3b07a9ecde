// Who uses the console, and what they may do.
import { session as ask, type Role, type Session } from '../api/people';
import { ApiError, whenSignedOut } from '../api/client';

const RANK: Record<Role, number> = { viewer: 0, analyst: 1, admin: 2 };

class Who {
  now = $state.raw<Session>();
  error = $state.raw<ApiError>();
  #asking = false;

  constructor() {
    whenSignedOut(() => void this.ask());
  }

  /** Asks the service who we are. */
  async ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.is(await ask());
    } catch (error) {
      this.error = error instanceof ApiError ? error : new ApiError(-1, { error: String(error) });
    } finally {
      this.#asking = false;
    }
  }

  is(session: Session): void {
    this.now = session;
    this.error = undefined;
  }

  /** True where the role is at least this one. */
  may(role: Role): boolean {
    return this.now?.role !== undefined && RANK[this.now.role] >= RANK[role];
  }

  /** Sees every record and counter. */
  get unlimited(): boolean {
    return this.now?.limits === undefined;
  }
}

export const who = new Who();
