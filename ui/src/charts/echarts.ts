// The parts of ECharts that the console needs, and nothing else of it.
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, BrushComponent, GridComponent, MarkAreaComponent, TooltipComponent } from 'echarts/components';
import { use, init } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([LineChart, BarChart, GridComponent, TooltipComponent, MarkAreaComponent, BrushComponent, AriaComponent, CanvasRenderer]);

export { init };
export type { ECharts } from 'echarts/core';
export type { EChartsOption, SeriesOption } from 'echarts';
