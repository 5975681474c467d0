"""Pictures: pure functions from data to figures. matplotlib is loaded when one is drawn.

Time is the site's; the x axis counts epoch seconds. Hatched is what nobody measured. Nothing is
distinguished by colour alone. Text of users is drawn as it is, never as a formula; what no font
has is escaped.
"""

from archive_tools.plotting.canvas import save, svg
from archive_tools.plotting.heat_maps import heat_map
from archive_tools.plotting.job_plots import Panel, job
from archive_tools.plotting.line_plots import lines
from archive_tools.plotting.umami_diagram import umami

__all__ = ["Panel", "heat_map", "job", "lines", "save", "svg", "umami"]
