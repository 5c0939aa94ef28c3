"""The questions of the pages, one module a topic; each public function returns a ``Result``."""
