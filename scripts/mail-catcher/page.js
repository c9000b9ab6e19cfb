// Runs in the reader's browser: looks for newer mails and shows times in the reader's time zone.
// Without it the page works too, and the list is loaded anew every few seconds.
const pollMs = 1_500

function showTimes(root) {
  for (const time of root.querySelectorAll('time')) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString()
  }
}

/** Takes the parts that changed out of this page as it is now. */
async function refresh() {
  const answer = await fetch(location.pathname)
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const names = document.body.classList.contains('start') ? ['nav', 'main'] : ['nav']
  for (const name of names) {
    const part = fresh.querySelector(name)
    showTimes(part)
    document.querySelector(name).replaceWith(part)
  }
  document.title = fresh.title
  document.body.dataset.newest = fresh.body.dataset.newest
}

async function look() {
  const answer = await fetch(`/mails.json?after=${document.body.dataset.newest}`)
  if ((await answer.json()).length > 0) await refresh()
}

function lookOnce() {
  if (document.hidden) return
  // The catcher may be starting again; then it counts from one.
  look().catch(() => (document.body.dataset.newest = '0'))
}

showTimes(document)
setInterval(lookOnce, pollMs)
document.addEventListener('visibilitychange', lookOnce)
