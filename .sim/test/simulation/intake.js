import { ChunkReader } from '../../src/domain/chunk.js';
import { isRefusal, RefusalError } from '../../src/domain/refusal.js';
/** Takes the bytes of one chunk as they come, splits them with the product's reader, and feeds the machine. */
export class Intake {
    #process;
    #given;
    #reader = new ChunkReader();
    #hear;
    #exchange;
    #isOpen = false;
    isOver = false;
    constructor(process, given, hear) {
        this.#process = process;
        this.#given = given;
        this.#hear = hear;
        this.#exchange = process.openExchange((outcome) => this.#end(outcome));
    }
    piece(bytes) {
        if (this.isOver)
            return;
        try {
            for (const part of this.#reader.push(bytes)) {
                if (part.type === 'header')
                    this.#open(part.header);
                else
                    this.#process.handle({ type: 'segment', exchange: this.#exchange, segment: part.segment });
                if (this.isOver)
                    return;
            }
        }
        catch (error) {
            this.#refuse(error);
        }
    }
    /** The stream ended as streams do. */
    end() {
        if (this.isOver)
            return;
        try {
            this.#reader.end();
        }
        catch (error) {
            return this.#refuse(error);
        }
        this.#process.handle({ type: 'chunk-ended', exchange: this.#exchange, failure: null });
    }
    /** The connection broke. */
    broke() {
        if (this.isOver)
            return;
        this.#refuse(new RefusalError('chunk-truncated', 'the chunk broke off'));
    }
    #open(header) {
        const { peer, via, log } = this.#given;
        if (log !== null && header.log !== log) {
            throw new RefusalError('header-malformed', `asked for ${log}, got ${header.log}`);
        }
        this.#isOpen = true;
        this.#process.handle({ type: 'chunk-opened', exchange: this.#exchange, peer, via, header });
    }
    #refuse(error) {
        if (!isRefusal(error))
            throw error;
        const { code, message } = error;
        if (!this.#isOpen)
            return this.#end({ type: 'unread', code, message });
        this.#process.handle({
            type: 'chunk-ended',
            exchange: this.#exchange,
            failure: { code, message },
        });
    }
    #end(result) {
        if (this.isOver)
            return;
        this.isOver = true;
        this.#hear(result);
    }
}
//# sourceMappingURL=intake.js.map