// The form that asks for a token, where one is needed; the cookie that it gives is all that is kept.
import { useEffect, useState } from "preact/hooks";
import { ask, Problem, signedOut, Watched } from "./api";

interface Session {
  required: boolean;
  signed_in: boolean;
  scopes: string[];
}

/** Null: not known yet. */
export const session = new Watched<Session | null>(null);

export async function lookAtSession() {
  try {
    const now = await ask<Session>("/api/v1/session");
    session.set(now);
    signedOut.set(now.required && !now.signed_in);
  } catch {
    session.set({ required: false, signed_in: false, scopes: [] }); // what is asked next tells what is wrong
  }
}

export async function signOut() {
  await ask<void>("/api/v1/session", undefined, { method: "DELETE" }).catch(() => undefined);
  await lookAtSession();
}

export function SignIn() {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  useEffect(() => document.querySelector<HTMLInputElement>(".signin input")?.focus(), []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await ask<void>("/api/v1/session", undefined, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token: token.trim() }) });
      setToken("");
      await lookAtSession();
    } catch (error) {
      const problem = error as Problem;
      setWrong(problem.status === 401 ? "There is no such token." : problem.message);
    }
  };
  return (
    <main class="page" id="main">
      <form class="box signin" onSubmit={submit}>
        <h1>tallyd</h1>
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="current-password" required value={token} onInput={(event) => setToken(event.currentTarget.value)} aria-invalid={!!wrong} aria-describedby="wrong" />
        <p id="wrong" role="alert">{wrong && <Sign>{wrong}</Sign>}</p>
        <button type="submit">Sign in</button>
        <p class="dim">Tokens are in the file that <code>tokens_file</code> names. One with the scope <code>read</code> shows everything.</p>
      </form>
    </main>
  );
}

function Sign({ children }: { children: string }) {
  return <span class="sign act">✖ {children}</span>;
}
