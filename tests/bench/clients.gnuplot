# Draws what clients.py measured: gnuplot -e "data='…'; out='…'; note='…'" clients.gnuplot
set terminal svg size 900,430 font "sans-serif,12" background "white"
set output out
set datafile separator "\t"
set multiplot layout 1,2 title note font ",11"
set logscale xy
set xlabel "clients"
set grid back linecolor rgb "#dddddd"
set key top left reverse Left
set xtics (1, 4, 16, 64, 256)
array kinds[3] = ["plain", "queued", "queued, wait"]
array colors[3] = ["#c0392b", "#2471a3", "#1e8449"]
set format y "%.0s%c"
set ylabel "requests per second"
plot for [i=1:3] data using (strcol(1) eq kinds[i] ? $2 : NaN):3 with linespoints \
  pointtype 7 pointsize 0.6 linewidth 2 linecolor rgb colors[i] title kinds[i]
set format y "%g ms"
set ylabel "latency: p50 and, thin, p99"
plot for [i=1:3] data using (strcol(1) eq kinds[i] ? $2 : NaN):4 with linespoints \
  pointtype 7 pointsize 0.6 linewidth 2 linecolor rgb colors[i] title kinds[i], \
  for [i=1:3] data using (strcol(1) eq kinds[i] ? $2 : NaN):5 with lines \
  linewidth 1 dashtype 2 linecolor rgb colors[i] notitle
