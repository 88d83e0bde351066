"""Pure rules of the field. Standard library only: no clock, no SQL, no HTTP, no logging, no asyncio."""
