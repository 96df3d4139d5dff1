package influx

import (
	"strings"
	"sync"
)

// queue holds encoded lines that wait to be sent, oldest first, in bounded
// memory. It is safe for concurrent use.
type queue struct {
	limit int // bytes

	mu     sync.Mutex
	blocks []string // whole lines, each ending with a newline; outputs share their memory
	bytes  int
}

// push appends a block. When the queue is full the oldest blocks make room; it
// returns how many lines were lost that way.
func (q *queue) push(block string) (dropped int) {
	if block == "" {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = append(q.blocks, block)
	q.bytes += len(block)
	return q.shrink()
}

// putBack returns to the front what take took and nobody accepted. It may be
// the first to make room.
func (q *queue) putBack(block string) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocks = append([]string{block}, q.blocks...)
	q.bytes += len(block)
	return q.shrink()
}

func (q *queue) shrink() (dropped int) {
	for q.bytes > q.limit && len(q.blocks) > 0 {
		dropped += lineCount(q.blocks[0])
		q.removeFirst()
	}
	return dropped
}

func (q *queue) removeFirst() {
	q.bytes -= len(q.blocks[0])
	q.blocks[0] = "" // lets go of the memory
	q.blocks = q.blocks[1:]
}

// take removes the oldest lines, at most maxLines and maxBytes of them but one
// at least; "" when there are none.
func (q *queue) take(maxLines, maxBytes int) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var batch []string
	for lines, size := 0, 0; len(q.blocks) > 0; {
		first := q.blocks[0]
		n, end := prefix(first, maxLines-lines, maxBytes-size, len(batch) == 0)
		if end == 0 {
			break
		}
		batch = append(batch, first[:end])
		lines, size = lines+n, size+end
		if end < len(first) {
			q.blocks[0] = first[end:]
			q.bytes -= end
			break
		}
		q.removeFirst()
	}
	return strings.Join(batch, "")
}

// pop removes the oldest block, "" when there is none.
func (q *queue) pop() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.blocks) == 0 {
		return ""
	}
	block := q.blocks[0]
	q.removeFirst()
	return block
}

// size is what waits now.
func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// prefix measures how many whole lines from the start of a block fit, and where
// they end. With atLeastOne the first line fits whatever its length.
func prefix(block string, maxLines, maxBytes int, atLeastOne bool) (lines, end int) {
	for lines < maxLines && end < len(block) {
		next := end + strings.IndexByte(block[end:], '\n') + 1
		if next > maxBytes && (lines > 0 || !atLeastOne) {
			break
		}
		lines, end = lines+1, next
	}
	return lines, end
}

func lineCount(block string) int { return strings.Count(block, "\n") }
