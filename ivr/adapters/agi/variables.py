"""Every channel variable that we and the dialplan share, once. Meanings: docs/architecture.md."""

STATE = "IVR_STATE"
NEXT = "IVR_NEXT"
QUEUE = "IVR_QUEUE"
QUEUE_OPTIONS = "IVR_QUEUE_OPTIONS"
QUEUE_TIMEOUT = "IVR_QUEUE_TIMEOUT"
TALK_FILE = "IVR_TALK_FILE"
TRANSFER = "IVR_TRANSFER"
TRANSFER_RING = "IVR_TRANSFER_RING"

NEXT_QUEUE = "queue"
NEXT_TRANSFER = "transfer"
NEXT_DONE = "done"
