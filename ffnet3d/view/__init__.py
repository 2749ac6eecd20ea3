"""One scan on one page: its points to turn around, with labels and errors. Imports without torch."""

from ffnet3d.view.page import build_page, write_page
from ffnet3d.view.read import Shown, read_shown
from ffnet3d.view.serve import page_server, serve

__all__ = ["Shown", "build_page", "page_server", "read_shown", "serve", "write_page"]
