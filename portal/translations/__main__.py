"""Bring en/LC_MESSAGES/messages.po up to date with the source, compile it, and say what is missing."""

import sys

from portal.translations.catalogue import compiled, extracted, is_complete, read, updated, write

catalogue = updated(read(), extracted())
write(catalogue, compiled(catalogue))
missing = [message.id for message in catalogue if message.id and not is_complete(message)]
for text in missing:
    print(f"not translated: {text}")
sys.exit(bool(missing))
