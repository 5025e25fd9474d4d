// Trades an access token for a cookie that no script can read.
const form = document.getElementById('sign-in');
const problem = document.getElementById('problem');

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  problem.textContent = '';
  try {
    const reply = await fetch('/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token: form.token.value }),
    });
    if (reply.ok) {
      location.assign('/');
    } else {
      problem.textContent = (await reply.json()).message;
      form.token.select();
    }
  } catch {
    problem.textContent = 'The server does not answer. Please try again.';
  }
});
