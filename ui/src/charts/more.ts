// Kinds of charts that few pages need, loaded with the first of them.
import { HeatmapChart, PieChart, SankeyChart } from 'echarts/charts';
import { VisualMapComponent } from 'echarts/components';
import { use } from 'echarts/core';

use([PieChart, SankeyChart, HeatmapChart, VisualMapComponent]);
