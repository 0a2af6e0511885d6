using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace AkkaCharging.Bench.Reporting;

/// <summary>Draws lines into an SVG beside the report.</summary>
internal static class Plot
{
    /// <summary>A line for each series over the same values of x.</summary>
    /// <param name="name">Of the file, without extension.</param>
    /// <returns>The file's name.</returns>
    public static string Write(
        BenchOptions options,
        string name,
        string title,
        string xTitle,
        IReadOnlyList<double> x,
        string yTitle,
        IReadOnlyList<Series> series,
        bool isLogarithmic = true
    )
    {
        var model = new PlotModel
        {
            Title = title,
            TitleFontSize = 14,
            Background = OxyColors.White,
        };
        model.Legends.Add(
            new Legend { LegendPosition = LegendPosition.TopRight, LegendPlacement = LegendPlacement.Outside }
        );
        model.Axes.Add(
            isLogarithmic
                ? new LogarithmicAxis { Position = AxisPosition.Bottom, Title = xTitle }
                : new LinearAxis { Position = AxisPosition.Bottom, Title = xTitle }
        );
        model.Axes.Add(
            new LinearAxis
            {
                Position = AxisPosition.Left,
                Title = yTitle,
                Minimum = 0,
                MajorGridlineStyle = LineStyle.Dot,
            }
        );
        foreach (var values in series)
        {
            var line = new LineSeries
            {
                Title = values.Name,
                MarkerType = isLogarithmic ? MarkerType.Circle : MarkerType.None,
            };
            line.Points.AddRange(values.Values.Zip(x, (value, at) => new DataPoint(at, value)));
            model.Series.Add(line);
        }

        Directory.CreateDirectory(options.ResultsFolder);
        var file = $"{name}.svg";
        using var svg = File.Create(Path.Combine(options.ResultsFolder, file));
        new SvgExporter { Width = 720, Height = 360 }.Export(model, svg);
        return file;
    }
}
