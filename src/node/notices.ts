import type { Events } from '../events.ts'
import type { Notice } from '../mesh/notice.ts'

/** What the machine wants an operator to hear becomes the event of that name. */
export function reportNotice(events: Events, notice: Notice): void {
  switch (notice.type) {
    case 'life-begun':
      return events.lifeBegun(notice.log, notice.reason)
    case 'log-closed':
      return events.logClosed(notice.log, notice.size)
    case 'chunk-refused':
      if (notice.code === 'clock-ahead' && notice.log !== null) {
        events.clockAhead({ log: notice.log, peer: notice.peer })
      }
      return events.chunkRefused(notice)
    case 'peer-reachable':
      return events.peerReachable(notice.peer)
    case 'peer-unreachable':
      return events.peerUnreachable(notice.peer, notice.reason)
    case 'push-refused':
      return events.pushRefused(notice)
    case 'upgrade-needed':
      return events.upgradeNeeded(notice)
    case 'blank-unexplained':
      return events.provisionalBlank(notice)
    case 'heads-differ':
      return events.headsDiffer(notice)
    case 'key-conflict':
      return events.keyConflict(notice)
    case 'storage-failed':
      return events.storageFailed(notice.code)
    case 'storage-recovered':
      return events.storageRecovered()
    case 'clock-jumped':
      return events.clockJumped(notice.driftMs)
    case 'ready':
      return events.ready()
    case 'not-ready':
      return events.notReady(notice.reason)
    case 'keys-changed':
  }
}
