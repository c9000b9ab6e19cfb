// What a new user does, as lines that work when pasted into another terminal: an address is added at one node by a
// mailed link, and found from another. No apostrophes in the remarks: some shells read them when pasted.

export const walkUser = 'alice'
export const walkAddress = 'alice@example.org'

/** Steps of a remark and its lines, 78 columns at most. */
export function walkSteps({ paris, oslo, homeserverName, catcherUrl, pepper }) {
  const mxid = `@${walkUser}:${homeserverName}`
  return [
    {
      remark: 'Register at two nodes. The stand-in homeserver vouches for demo-NAME.',
      lines: [
        `paris=${paris.publicUrl}/_matrix/identity/v2`,
        `oslo=${oslo.publicUrl}/_matrix/identity/v2`,
        `openid='{"access_token":"demo-${walkUser}","token_type":"Bearer",`,
        `  "matrix_server_name":"${homeserverName}","expires_in":3600}'`,
        `token() { curl -s $1/account/register -d "$openid" | cut -d'"' -f4; }`,
        'at_paris="Authorization: Bearer $(token $paris)"',
        'at_oslo="Authorization: Bearer $(token $oslo)"',
      ],
    },
    {
      remark: `Let paris send a mail to ${walkAddress}.`,
      lines: [
        `sid=$(curl -s $paris/validate/email/requestToken -H "$at_paris" -d \\`,
        `  '{"email":"${walkAddress}","client_secret":"walk","send_attempt":1}' \\`,
        `  | cut -d'"' -f4)`,
      ],
    },
    {
      remark: `Open ${catcherUrl} and press the button in the mail. Or with curl`,
      lines: [
        `mails=${catcherUrl}/mails.json`,
        `curl -so /dev/null -w '%{http_code}\\n' $(curl -s $mails |`,
        `  grep -o 'http[^ "\\]*submitToken[^ "\\]*' | head -n 1)`,
      ],
    },
    {
      remark: 'Bind the address to her Matrix ID, at paris.',
      lines: [
        `curl -sw '\\n' $paris/3pid/bind -H "$at_paris" -d \\`,
        `  '{"sid":"'$sid'","client_secret":"walk","mxid":"${mxid}"}'`,
      ],
    },
    {
      remark: 'Ask oslo whose it is. It answers from its own copy.',
      lines: [
        `curl -sw '\\n' $oslo/lookup -H "$at_oslo" -d '{"algorithm":"none",`,
        `  "pepper":"${pepper}","addresses":["${walkAddress} email"]}'`,
      ],
    },
  ]
}
