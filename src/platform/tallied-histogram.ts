import { Histogram, type Registry } from 'prom-client'

type Sample = {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

type Tally = { readonly counts: Float64Array; sum: number }

/**
 * A histogram with one label that counts for itself and becomes a metric when somebody scrapes: the library's own
 * finds the labels anew with every value, which cost a lookup a fiftieth of its time.
 */
export class TalliedHistogram {
  readonly #bounds: readonly number[]
  readonly #tallies = new Map<string, Tally>()

  constructor(wanted: {
    readonly name: string
    readonly help: string
    readonly label: string
    /** Upper bounds, rising. */
    readonly buckets: readonly number[]
    readonly registry: Registry
  }) {
    const { name, help, label, buckets, registry } = wanted
    this.#bounds = buckets
    const metric = new Histogram({
      name,
      help,
      labelNames: [label],
      buckets: [...buckets],
      registers: [registry],
    })
    const read = async (): Promise<object> => ({
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      values: [...this.#tallies].flatMap(([value, tally]) =>
        this.#values(name, { [label]: value }, tally),
      ),
    })
    // The registry asks for the second where it is there.
    Object.assign(metric, { get: read, getForPromString: read })
  }

  observe(label: string, value: number): void {
    let tally = this.#tallies.get(label)
    if (tally === undefined) {
      tally = { counts: new Float64Array(this.#bounds.length + 1), sum: 0 }
      this.#tallies.set(label, tally)
    }
    let place = 0
    while (place < this.#bounds.length && value > (this.#bounds[place] ?? 0)) place++
    tally.counts[place] = (tally.counts[place] ?? 0) + 1
    tally.sum += value
  }

  #values(
    name: string,
    labels: Readonly<Record<string, string>>,
    { counts, sum }: Tally,
  ): Sample[] {
    let count = 0
    const buckets = [...counts].map((inBucket, place) => {
      count += inBucket
      const le = String(this.#bounds[place] ?? '+Inf')
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}
